// What pages can do beyond what they do without this script: news as they come, parts
// of a page that are looked up anew, copying, keys, times in the visitor's zone, and
// telling a page around this one how high it is.
"use strict";
(() => {
  const root = document.documentElement;
  root.classList.add("scripted");
  const $ = (s, from = document) => from.querySelector(s);
  const $$ = (s, from = document) => [...from.querySelectorAll(s)];
  const say = text => { const news = $("#news"); if (news) news.textContent = text; };

  // Pages come from this server only, which has escaped what is in them.
  const plain = { createHTML: s => s };
  const policy = window.trustedTypes ? trustedTypes.createPolicy("fanfare", plain) : plain;
  const parsed = text => new DOMParser().parseFromString(policy.createHTML(text), "text/html");

  // dress does what has to be done to whatever comes into the page.
  function dress(from) {
    for (const b of $$("[data-copies]", from)) b.hidden = !navigator.clipboard;
    for (const b of $$("[data-holds]", from)) b.hidden = false;
    for (const t of $$("time[datetime]", from)) {
      const at = new Date(t.dateTime);
      if (isNaN(at)) continue;
      const local = at.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" });
      const utc = at.toISOString().replace("T", " ").replace(/\.\d+Z/, " UTC");
      if (t.classList.contains("moment")) t.textContent = at.getTimezoneOffset() ? local + " · " + utc : utc;
      else t.title = local + " · " + utc;
    }
    for (const list of $$("[data-narrows]", from)) narrow(list);
  }

  // A link to the portal has its secret behind the #, where servers do not see it.
  const key = /^#key=([\w-]+)$/.exec(location.hash);
  const door = $("form[data-enters]");
  if (key) {
    history.replaceState(null, "", location.pathname);
    if (door) { $("input[name=key]", door).value = key[1]; door.submit(); return; }
    const form = document.createElement("form");
    form.method = "post";
    form.action = $("a.brand").pathname.replace(/\/$/, "") + "/enter";
    const field = document.createElement("input");
    field.name = "key"; field.value = key[1]; field.type = "hidden";
    form.append(field);
    document.body.append(form);
    form.submit();
    return;
  }

  // take puts parts of a page that was fetched in the place of those of this one.
  function take(text, ids) {
    const there = parsed(text);
    for (const id of ids) {
      const old = document.getElementById(id), fresh = there.getElementById(id);
      if (!old || !fresh) continue;
      const known = new Set($$("tr[id]", old).map(r => r.id));
      const next = document.importNode(fresh, true);
      if (known.size) for (const r of $$("tr[id]", next)) if (!known.has(r.id)) r.classList.add("fresh");
      const was = old.contains(document.activeElement) ? document.activeElement : null;
      old.replaceWith(next);
      dress(next);
      if (!was) continue;
      const same = was.id ? document.getElementById(was.id)
        : $$(was.tagName, next).find(e => e.textContent === was.textContent && e.getAttribute("href") === was.getAttribute("href"));
      if (same) same.focus();
    }
  }

  // What is looked at does not move: a part that has rows stays as it is while the pointer
  // or the focus is in it, and is fetched anew afterwards.
  let stale = [], looks = 0, shown = 0;
  const byId = id => document.getElementById(id);
  const looked = e => !!$("tbody tr, article, h3", e) && (e.matches(":hover") || e.contains(document.activeElement)) || e.matches("[data-list]") && held();
  const free = id => { const e = byId(id); return e && !looked(e) && !(e.matches("[data-list]") && $("#more")); };
  async function refresh(all) {
    const ids = $$("[data-live]").map(e => e.id), at = location.href, turn = ++looks;
    try {
      const answer = await fetch(at, { headers: { Accept: "text/html" } });
      if (answer.status === 401) { location.reload(); return; }
      const text = answer.ok ? await answer.text() : "";
      if (!text || at !== location.href || turn < shown) return; // what was asked for later is there
      shown = turn;
      const now = all === true ? ids : ids.filter(free);
      stale = ids.filter(id => !now.includes(id));
      take(text, now);
    } catch { /* the next news try again */ }
  }

  // News. New rows of a list that is looked at wait behind a button that says how many
  // there are.
  let waiting = 0, timer = 0, pace = 40;
  const ofPage = d => {
    const only = document.body.querySelector("[data-live][data-endpoint]");
    const msg = document.body.querySelector("[data-live][data-message]");
    return (!only || only.dataset.endpoint === d.endpointId) && (!msg || msg.dataset.message === d.msgId);
  };
  // A list can be held as it is, until it is let go or its news are asked for.
  const held = () => !!$("[data-holds][aria-pressed=true]");
  document.addEventListener("click", e => {
    const b = e.target.closest("[data-holds]");
    if (!b) return;
    b.setAttribute("aria-pressed", held() ? "false" : "true");
    if (!held() && $("#more")) $("#more").click();
  });
  function arrived() {
    if (!timer) timer = setTimeout(show, pace);
  }
  function show() {
    timer = 0;
    pace = waiting > 10 ? 500 : 40; // a flood is shown less often
    const list = $("[data-live][data-list]");
    const what = list && list.dataset.what || "attempt";
    const text = waiting === 1 ? "1 new " + what : waiting + " new " + what + "s";
    let bar = $("#more");
    if (waiting) say(text);
    if (waiting && list && $("tbody tr", list) && looked(list)) {
      if (!bar) {
        const place = document.createElement("div");
        bar = document.createElement("button");
        bar.id = "more"; bar.type = "button"; place.className = "more";
        bar.addEventListener("click", () => { waiting = 0; place.remove(); refresh(true); });
        place.append(bar);
        list.before(place);
      }
      bar.textContent = "Show " + text;
    } else {
      waiting = 0;
      if (bar) bar.parentElement.remove();
    }
    refresh();
  }
  for (const moved of ["pointerover", "focusin"]) document.addEventListener(moved, () => { if (stale.some(free)) arrived(); });
  // follow begins the stream of news. The browser takes it up again by itself; it gives up
  // only when it is told no, as when the session has ended: then the page says so. A page
  // that nobody sees has none, as browsers keep few connections to one server.
  let source = null;
  function follow() {
    if (source || document.hidden) return;
    source = new EventSource(root.dataset.stream);
    root.dataset.stream = root.dataset.stream.replace(/\?last_event_id=.*/, ""); // where this page was read
    source.addEventListener("error", async () => {
      if (!source || source.readyState !== EventSource.CLOSED) return;
      source = null;
      try {
        const answer = await fetch(location.href, { method: "HEAD" });
        if (answer.status === 401) { location.reload(); return; }
      } catch { /* the server is away */ }
      setTimeout(follow, 5000);
    });
    source.addEventListener("attempt", e => {
      const d = JSON.parse(e.data);
      if (!ofPage(d)) return;
      waiting++;
      arrived();
    });
  }
  function rest() { if (source) source.close(); source = null; }
  if (root.dataset.stream && $("[data-live]") && window.EventSource) {
    follow();
    addEventListener("pagehide", rest);
    addEventListener("pageshow", follow);
    document.addEventListener("visibilitychange", () => { if (document.hidden) rest(); else { follow(); refresh(); } });
  }
  const every = $("[data-every]");
  if (every) setInterval(() => { if (!document.hidden) refresh(); }, 1000 * every.dataset.every);

  // A button with data-into sends its form, and takes only that part of the answer, unless
  // something was asked for in the same fieldset since.
  const turns = {};
  document.addEventListener("submit", async e => {
    const button = e.submitter;
    if (!button || !button.dataset.into) return;
    e.preventDefault();
    const id = button.dataset.into, form = e.target, data = new FormData(form, button);
    const place = document.getElementById(id), set = place && place.closest("fieldset[id]"), of = set ? set.id : id;
    const turn = turns[of] = (turns[of] || 0) + 1;
    if (place) place.setAttribute("aria-busy", "true");
    try {
      const answer = await fetch(form.action, { method: "POST", body: data });
      const text = await answer.text();
      if (turn === turns[of]) take(text, [id]);
    } catch {
      say("The server could not be reached.");
      if (place) place.removeAttribute("aria-busy");
    }
  });
  // What is changed in a part with data-presses presses that button.
  document.addEventListener("change", e => {
    const part = e.target.closest("[data-presses]");
    const b = part && document.getElementById(part.dataset.presses);
    if (b && b.form && (e.target.value || !e.target.required)) b.form.requestSubmit(b);
  });

  // A list of choices is narrowed by what is typed above it.
  function narrow(input) {
    const list = document.getElementById(input.dataset.narrows);
    if (!list) return;
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const row of $$("[data-words]", list)) row.hidden = !words.every(w => row.dataset.words.toLowerCase().includes(w));
  }
  document.addEventListener("input", e => { if (e.target.matches("[data-narrows]")) narrow(e.target); });

  document.addEventListener("click", async e => {
    const button = e.target.closest("[data-copies]");
    if (!button) return;
    try {
      await navigator.clipboard.writeText($("code", button.parentElement).textContent);
      button.firstChild.textContent = "Copied";
      setTimeout(() => { button.firstChild.textContent = "Copy"; }, 1500);
    } catch { say("The browser does not let this page copy."); }
  });

  // What changes without news is looked up anew every two seconds, while it is looked at.
  setInterval(() => { if ($("[data-again]") && !document.hidden) refresh(); }, 2000);

  // The drawer shows the page of a row beside its list, under that page's own address. What
  // cannot be shown so is gone to.
  async function draw(row) {
    const href = row.href, title = document.title;
    let there;
    try {
      const answer = await fetch(href, { headers: { Accept: "text/html" } });
      if (answer.ok && answer.url === href) there = parsed(await answer.text());
    } catch { /* the browser says so */ }
    const main = there && $("main", there);
    if (!main || $$("[id]", main).some(e => byId(e.id))) { location.href = href; return; }
    const box = document.createElement("dialog"), shut = document.createElement("button");
    box.className = "drawer";
    box.setAttribute("aria-label", there.title);
    shut.type = "button"; shut.className = "quiet shut"; shut.textContent = "Close";
    shut.addEventListener("click", () => box.close());
    box.append(shut, ...[...main.children].map(e => document.importNode(e, true)));
    box.addEventListener("click", e => { if (e.target === box) box.close(); });
    box.addEventListener("close", () => {
      box.remove();
      document.title = title;
      row.focus(); // which not every browser gave it when it was clicked
      if (history.state && history.state.drawer) history.back();
      else refresh();
    });
    history.pushState({ drawer: true }, "", href);
    document.title = there.title;
    document.body.append(box);
    dress(box);
    box.showModal();
  }
  document.addEventListener("click", e => {
    const row = e.target.closest("[data-drawer] a.row");
    if (!row || e.button || e.metaKey || e.ctrlKey || e.shiftKey || e.altKey) return;
    e.preventDefault();
    draw(row);
  });
  const page = () => location.href.split("#")[0], own = page();
  addEventListener("popstate", e => {
    const box = $("dialog.drawer");
    if (e.state && e.state.drawer ? !box : page() !== own) location.reload();
    else if (box) box.close();
    else refresh();
  });

  // The palette is the page to go to others from, in a dialog.
  const palette = root.dataset.palette;
  function choose() {
    const own = $("#ways") && $("#f-q"); // this is that page, or it is open
    if (own) own.focus();
    if ($("#ways")) return;
    const box = document.createElement("dialog"), input = document.createElement("input"), list = document.createElement("div");
    box.className = "palette";
    box.setAttribute("aria-label", "Go to");
    input.type = "search"; input.placeholder = "A page, an id, or what to do";
    input.setAttribute("aria-label", input.placeholder);
    list.id = "ways";
    box.append(input, list);
    let asked = 0;
    const look = async () => {
      const turn = ++asked;
      try {
        const answer = await fetch(palette + "?q=" + encodeURIComponent(input.value));
        const text = await answer.text();
        if (turn === asked && answer.ok) take(text, ["ways"]);
      } catch { say("The server could not be reached."); }
    };
    input.addEventListener("input", look);
    box.addEventListener("keydown", e => {
      const ways = $$("#ways a", box), at = ways.indexOf(document.activeElement);
      if (e.key === "Enter" && document.activeElement === input && ways.length) { e.preventDefault(); ways[0].click(); }
      if (e.key === "ArrowDown" && ways.length) { e.preventDefault(); ways[Math.min(ways.length - 1, at + 1)].focus(); }
      if (e.key === "ArrowUp") { e.preventDefault(); (at > 0 ? ways[at - 1] : input).focus(); }
    });
    const before = document.activeElement;
    box.addEventListener("close", () => { box.remove(); if (before) before.focus(); });
    document.body.append(box);
    box.showModal();
    input.focus();
    look();
  }
  // g and a letter lead to what the navigation has, ? to the page about keys.
  const ways = palette
    ? { h: "/", i: "/issue", a: "/app", m: "/message", d: "/delivery", e: "/endpoint", t: "/catalogue", s: "/source", r: "/recipe", q: "/queue", b: "/task", x: "/inspector", p: "/setting" }
    : { e: "", d: "/log", t: "/catalogue", i: "/inbox", p: "/settings" };
  const keyless = "keyless" in root.dataset; // the visitor has turned off what follows, but for Ctrl K
  let going = 0;
  if ($("header nav")) document.addEventListener("keydown", e => {
    if (palette && (e.ctrlKey || e.metaKey) && !e.altKey && !e.shiftKey && e.key.toLowerCase() === "k") { e.preventDefault(); choose(); return; }
    if (keyless || e.ctrlKey || e.metaKey || e.altKey || e.target.closest("input, select, textarea, dialog.palette")) return;
    const base = $("a.brand").pathname.replace(/\/$/, ""), gone = Date.now() - going < 1500 && /^[a-z]$/.test(e.key);
    const to = gone && $$("header nav a").find(a => a.pathname === base + ways[e.key]);
    going = e.key === "g" ? Date.now() : 0;
    if (gone) { e.preventDefault(); e.stopImmediatePropagation(); if (to) location.href = to.href; }
    else if (e.key === "?") location.href = base + "/help";
  });

  // Keys: j and k go through rows, / to the first field of a filter, n and p through
  // pages, r and c press what says so.
  document.addEventListener("keydown", e => {
    if (keyless || e.ctrlKey || e.metaKey || e.altKey || e.target.closest("input, select, textarea, [contenteditable]")) return;
    const within = $("dialog[open]") || document;
    const press = s => { const t = $(s, within); if (t) { e.preventDefault(); t.focus(); t.click(); } };
    if (e.key === "j" || e.key === "k") {
      const rows = $$("a.row", within);
      if (!rows.length) return;
      const here = document.activeElement.closest("tr, article"), at = here ? rows.indexOf($("a.row", here)) : -1;
      const to = e.key === "j" ? Math.min(rows.length - 1, at + 1) : Math.max(0, at - 1);
      e.preventDefault();
      rows[to].focus();
    } else if (e.key === "/") {
      const t = $(".filters input, .filters select, [data-narrows]", within);
      if (t) { e.preventDefault(); t.focus(); }
    } else if (/^[nprc]$/.test(e.key)) press(`button[data-key=${e.key}], a[data-key=${e.key}], [data-key=${e.key}] button`);
  });

  // A page around this one, if it is one of those that may be, learns the height.
  const parents = (root.dataset.parents || "").split(" ").filter(Boolean);
  if (parents.length && window.parent !== window) {
    const around = location.ancestorOrigins && location.ancestorOrigins[0];
    const told = around ? parents.filter(o => o === around) : parents;
    let last = 0;
    const tell = () => {
      const height = Math.ceil(document.body.getBoundingClientRect().height);
      if (height === last) return;
      last = height;
      for (const origin of told) window.parent.postMessage({ type: "fanfare:height", height }, origin);
    };
    new ResizeObserver(tell).observe(document.body);
    tell();
  }
  dress(document);
})();
