// Reads an application's endpoints and their attempts from the API, with the key that
// stands behind the # of the page's address.
const key = new URLSearchParams(location.hash.slice(1)).get("key");
const app = "api/v1/app/" + encodeURIComponent(document.body.dataset.app) + "/";
const read = async (path) => {
  const answer = await fetch(app + path, { headers: { Authorization: "Bearer " + key } });
  if (!answer.ok) throw new Error(answer.status === 401 ? "This link is not good any more; ask for another." : "The server answered " + answer.status + ".");
  return (await answer.json()).data;
};
const fill = (id, rows) => {
  document.getElementById(id).replaceChildren(...rows.map((cells) => {
    const row = document.createElement("tr");
    row.append(...cells.map((text) => Object.assign(document.createElement("td"), { textContent: text })));
    return row;
  }));
};
const show = async () => {
  const endpoints = await read("endpoint?limit=50");
  fill("endpoints", endpoints.map((e) => [e.description, e.url, e.disabled ? "off" : "on"]));
  const lists = await Promise.all(endpoints.map((e) => read("attempt/endpoint/" + e.id + "?limit=20")));
  const attempts = lists.flatMap((list, i) => list.map((a) => ({ ...a, to: endpoints[i].description })));
  attempts.sort((a, b) => (a.timestamp < b.timestamp ? 1 : -1));
  fill("attempts", attempts.slice(0, 30).map((a) => [new Date(a.timestamp).toLocaleTimeString(), a.eventType, a.to, a.explanation.what]));
  document.getElementById("said").textContent = "This page is yours alone, for a day.";
};
const loop = () => show().then(() => setTimeout(loop, 2000), (e) => { document.getElementById("said").textContent = e.message; });
loop();
