// Times as the reader's own clock says them; what the server wrote, in UTC, stays as the title.

const PARTS = { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit" };
// In the reader's own language, as to the order of the parts and the hours of the day.
const OF_THIS_YEAR = new Intl.DateTimeFormat(undefined, PARTS);
const OF_ANY_YEAR = new Intl.DateTimeFormat(undefined, { ...PARTS, year: "numeric" });

export function localTimes(root = document) {
    for (const time of root.querySelectorAll("time[datetime]:not([title])")) {
        const moment = new Date(time.dateTime);
        if (Number.isNaN(moment.getTime())) continue;
        time.title = time.textContent.trim();
        const isOfThisYear = moment.getFullYear() === new Date().getFullYear();
        time.textContent = (isOfThisYear ? OF_THIS_YEAR : OF_ANY_YEAR).format(moment);
    }
}
