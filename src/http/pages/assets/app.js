// Keeps the page live: times in the browser's zone, changes by server-sent events.
// Everything works without it, by reloading.
"use strict";

(() => {
  // What the server sent for each live part, to see what really changed: the times shown are ours.
  const served = new WeakMap();

  const remember = (root) => {
    for (const part of root.querySelectorAll("[data-live]")) {
      served.set(part, part.innerHTML);
      if (part.dataset.live === "list") {
        for (const child of part.children) served.set(child, child.outerHTML);
      }
    }
  };

  // ---- times ----
  const full = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
  const today = new Intl.DateTimeFormat(undefined, { timeStyle: "short" });
  const day = new Intl.DateTimeFormat(undefined, { dateStyle: "full" });
  const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });
  const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "long" });

  const span = (s) => {
    if (s < 90) return `${s} s`;
    if (s < 5400) return `${Math.round(s / 60)} min`;
    if (s < 129600) return `${Math.round(s / 3600)} h`;
    return `${Math.round(s / 86400)} days`;
  };

  const showTimes = (root) => {
    const now = new Date();
    for (const time of root.querySelectorAll("time[data-time]")) {
      const at = new Date(time.dateTime);
      if (Number.isNaN(at.getTime())) continue;
      let text;
      if (time.dataset.time === "relative" || time.dataset.time === "due") {
        const s = Math.round((at - now) / 1000);
        const past = s < 0 && time.dataset.time === "due";
        text = past || Math.abs(s) < 10 ? "now" : s < 0 ? `${span(-s)} ago` : `in ${span(s)}`;
      } else if (time.dataset.time === "day") {
        text = day.format(at);
      } else if (time.dataset.time === "clock") {
        text = clock.format(at);
      } else {
        text = at.toDateString() === now.toDateString() ? `today ${today.format(at)}` : full.format(at);
      }
      if (time.textContent !== text) time.textContent = text;
      const title = exact.format(at);
      if (time.title !== title) time.title = title;
    }
  };

  // ---- taking over what the server has ----
  const replace = (old, fresh, whole) => {
    const focused = old.contains(document.activeElement) ? document.activeElement.id : "";
    // What the reader has unfolded stays so, as long as there are as many folds.
    const folds = [...old.querySelectorAll("details")];
    const others = fresh.querySelectorAll("details");
    const opened = folds.length === others.length ? folds.map((fold) => fold.open) : [];
    if (whole) old.replaceWith(fresh);
    else old.innerHTML = fresh.innerHTML;
    const now = (whole ? fresh : old).querySelectorAll("details");
    opened.forEach((open, nth) => { now[nth].open = open; });
    if (focused) document.getElementById(focused)?.focus();
  };

  const takeOver = (part, fresh) => {
    if (part.dataset.live !== "list") {
      if (served.get(part) !== fresh.innerHTML) {
        replace(part, fresh, false);
        served.set(part, fresh.innerHTML);
      }
      return;
    }
    const have = new Map([...part.children].map((child) => [child.id, child]));
    let before = null;
    for (const child of [...fresh.children]) {
      const old = have.get(child.id);
      have.delete(child.id);
      let here = old;
      if (!old) {
        here = document.importNode(child, true);
        served.set(here, child.outerHTML);
        for (const inner of child.querySelectorAll("[data-live]")) {
          served.set(here.querySelector(`#${CSS.escape(inner.id)}`), inner.innerHTML);
        }
        if (child.dataset.announce && ready) announce(child.dataset.announce);
      } else if (old.querySelector("[data-live]")) {
        // A player may be playing: only the parts that changed.
        for (const inner of child.querySelectorAll("[data-live]")) {
          const mine = document.getElementById(inner.id);
          if (mine) takeOver(mine, inner);
        }
      } else if (served.get(old) !== child.outerHTML) {
        here = document.importNode(child, true);
        served.set(here, child.outerHTML);
        replace(old, here, true);
      }
      const place = before ? before.nextElementSibling : part.firstElementChild;
      if (place !== here) part.insertBefore(here, place);
      before = here;
    }
    for (const gone of have.values()) gone.remove();
  };

  const announce = (text) => {
    const line = document.createElement("p");
    line.textContent = `New: ${text}`;
    document.getElementById("announce").replaceChildren(line);
  };

  let ready = false;
  let busy = false;
  let again = false;
  const refresh = async () => {
    if (busy) { again = true; return; }
    busy = true;
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" }, credentials: "same-origin" });
      if (new URL(answer.url).pathname === "/login") { location.reload(); return; }
      if (!answer.ok) return;
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      for (const part of document.querySelectorAll("[data-live]")) {
        if (part.parentElement.closest("[data-live]")) continue;
        const other = fresh.getElementById(part.id);
        if (other) takeOver(part, other);
      }
      document.title = fresh.title;
      showTimes(document);
    } catch {
      // The stream says when the server is back.
    } finally {
      busy = false;
      if (again) { again = false; soon(); }
    }
  };

  let timer = 0;
  const soon = () => {
    if (timer) return;
    timer = setTimeout(() => { timer = 0; refresh(); }, 150);
  };

  // ---- the stream ----
  const link = document.getElementById("link");
  const connection = (text) => {
    if (!link) return;
    link.hidden = !text;
    if (link.textContent !== text) link.textContent = text;
  };

  let source = null;
  let lost = 0;
  const open = () => {
    if (source || !link) return;
    source = new EventSource("/api/v1/stream");
    source.addEventListener("snapshot", () => {
      clearTimeout(lost);
      lost = 0;
      connection("");
      ready = true;
      soon();
    });
    for (const name of ["call", "alert", "health", "changed"]) source.addEventListener(name, soon);
    source.onerror = () => {
      // Browsers come back by themselves after a cut; a refusal is final.
      if (!lost) lost = setTimeout(() => connection("Not live: reconnecting …"), 4000);
      if (source.readyState === EventSource.CLOSED) {
        source = null;
        setTimeout(() => { refresh().then(open); }, 5000);
      }
    };
  };
  const close = () => { source?.close(); source = null; };

  remember(document);
  showTimes(document);
  setInterval(() => showTimes(document), 5000);
  const zone = document.getElementById("zone");
  if (zone) zone.textContent = ` · times in ${Intl.DateTimeFormat().resolvedOptions().timeZone || "your zone"}`;

  // Browsers allow six connections to a host; pages in the background give theirs back, the board stays live.
  const stays = location.pathname === "/";
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) open();
    else if (!stays) close();
  });
  if (document.querySelector("[data-live]") && (stays || !document.hidden)) open();

  // A second click must not send a second time.
  document.addEventListener("submit", (event) => {
    for (const button of event.target.querySelectorAll("button")) setTimeout(() => { button.disabled = true; }, 0);
  });
  window.addEventListener("pageshow", () => {
    for (const button of document.querySelectorAll("button[disabled]")) button.disabled = false;
  });
})();
