// Tells the server the browser's time zone, for those who have not chosen one (tags/review/preferences.py).

const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
const YEAR = 365 * 24 * 60 * 60;
if (zone) document.cookie = `time_zone=${encodeURIComponent(zone)}; path=/; max-age=${YEAR}; SameSite=Lax`;
