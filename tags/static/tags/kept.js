// What was typed and not saved yet: it survives a reload, a lost server and, in localStorage, a closed tab.

/** Keeps the field's text under this key; gives it back now, if there is some. True if it did. */
export function keep(field, key, storage = localStorage) {
    const written = field.value;
    const kept = storage.getItem(key);
    if (kept !== null) field.value = kept;
    field.addEventListener("input", () => {
        if (field.value === written) storage.removeItem(key);
        else storage.setItem(key, field.value);
    });
    return kept !== null && kept !== written;
}

export function forget(key, storage = localStorage) {
    storage.removeItem(key);
}
