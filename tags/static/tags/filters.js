// Where there is no room for the filters, a button shows them.

const opener = document.getElementById("open-filters");
opener.addEventListener("click", () => {
    const isOpen = document.getElementById("filters").classList.toggle("open");
    opener.setAttribute("aria-expanded", String(isOpen));
});
