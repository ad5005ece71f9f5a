"use strict";
// Live updates: the page itself is fetched again, and what has changed in its live parts is changed in place. Nodes
// stay, so focus and selection do too; forms and details stand outside the live parts. A page without this script works,
// by reloading.
(() => {
  const every = Number(document.body.dataset.every || 0) * 1000;
  if (!every) return;
  const trouble = document.getElementById("trouble");
  const pause = document.getElementById("pause");
  let paused = false;
  let busy = false;

  const keyOf = (node) => (node.nodeType === Node.ELEMENT_NODE && node.id) || null;

  function attributes(from, to) {
    for (const { name } of [...from.attributes]) {
      if (!to.hasAttribute(name)) from.removeAttribute(name);
    }
    for (const { name, value } of to.attributes) {
      if (from.getAttribute(name) !== value) from.setAttribute(name, value);
    }
  }

  function morph(from, to) {
    if (from.isEqualNode(to)) return;
    if (from.nodeType !== Node.ELEMENT_NODE) {
      if (from.data !== to.data) from.data = to.data;
      return;
    }
    attributes(from, to);
    children(from, to);
  }

  function taken(keyed, key) {
    const node = keyed.get(key);
    keyed.delete(key); // a second node of this name, which somebody's topic or code may bring about, is one of its own
    return node;
  }

  function children(from, to) {
    const keyed = new Map();
    for (const child of from.childNodes) if (keyOf(child)) keyed.set(keyOf(child), child);
    let at = from.firstChild;
    for (const wanted of [...to.childNodes]) {
      const key = keyOf(wanted);
      const have = key ? taken(keyed, key) : at && !keyOf(at) && at.nodeName === wanted.nodeName ? at : null;
      if (!have) {
        from.insertBefore(document.importNode(wanted, true), at);
      } else {
        if (have === at) at = at.nextSibling;
        else from.insertBefore(have, at);
        morph(have, wanted);
      }
    }
    while (at) {
      const next = at.nextSibling;
      at.remove();
      at = next;
    }
  }

  function say(text) {
    if (trouble.textContent !== text) trouble.textContent = text;
  }

  async function update() {
    if (paused || busy || document.hidden) return;
    busy = true;
    try {
      const answer = await fetch(location.href, { cache: "no-store", signal: AbortSignal.timeout(8000) });
      if (answer.redirected || answer.status === 401) {
        location.reload(); // the session has ended
        return;
      }
      if (!answer.ok) throw new Error(String(answer.status));
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      if (!paused) {
        for (const part of document.querySelectorAll("[data-live]")) {
          const wanted = fresh.getElementById(part.id);
          if (wanted) morph(part, wanted);
        }
      }
      say("");
    } catch {
      say("The console does not answer; what you see is from before.");
    } finally {
      busy = false;
    }
  }

  pause.hidden = false;
  pause.addEventListener("click", () => {
    paused = !paused;
    pause.textContent = paused ? "Go on updating" : "Pause updates";
    update();
  });
  document.addEventListener("visibilitychange", update);
  setInterval(update, every);
})();
