// What the desk calls those who did something; asked for once each.

const names = new Map(); // by actor: a promise of the name

async function ask(actor) {
    const response = await fetch(`/people?${new URLSearchParams({ actor })}`, { headers: { Accept: "application/json" } });
    if (!response.ok || response.redirected) throw new Error(`The server answered ${response.status}.`);
    return (await response.json()).name;
}

/** Resolves with the name, or with `otherwise` if it cannot be had now. */
export function nameOf(actor, otherwise) {
    if (!names.has(actor)) {
        const name = ask(actor);
        name.catch(() => names.delete(actor)); // another time, then
        names.set(actor, name);
    }
    return names.get(actor).catch(() => otherwise);
}
