// The admin's own script, beside Django's: the button that copies a new token, and what Enter does in a list.

for (const button of document.querySelectorAll("[data-copies]")) {
    button.addEventListener("click", async () => {
        const field = document.getElementById(button.dataset.copies);
        const told = button.parentElement.querySelector("[data-says]");
        field.select();
        // Only pages served over HTTPS or from this machine may write to the clipboard; elsewhere it stays selected.
        if (navigator.clipboard) {
            await navigator.clipboard.writeText(field.value);
            told.textContent = told.dataset.says;
        }
    });
}

// Enter in a checkbox would press the form's first button, and so decide.
document.getElementById("changelist-form")?.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target.matches("input[type=checkbox]")) {
        event.preventDefault();
    }
});
