// Times as the reader's own clock says them; what the server wrote, in UTC, stays as the title.

const FORMAT = new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: "medium", timeStyle: "medium" });

export function localTimes(root = document) {
    for (const time of root.querySelectorAll("time[datetime]:not([title])")) {
        const moment = new Date(time.dateTime);
        if (Number.isNaN(moment.getTime())) continue;
        time.title = time.textContent.trim();
        time.textContent = FORMAT.format(moment);
    }
}
