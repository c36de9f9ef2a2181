// Search without a server: the words of all pages are in a script beside the pages,
// which is read when somebody first wants to search.
"use strict";
(() => {
  const root = document.body.dataset.root;
  const box = document.querySelector(".search");
  const input = document.getElementById("words");
  const panel = document.getElementById("results");
  const found = document.getElementById("found");
  const list = panel.querySelector("ol");
  const most = 20;
  let loading = null;

  const load = () => (loading ??= new Promise((done, failed) => {
    const script = document.createElement("script");
    script.src = root + "search-index.js";
    script.onload = done;
    script.onerror = failed;
    document.head.append(script);
  }));

  // The more of the words the title has, the better; all words must be there.
  const rank = (e, words) => {
    const title = (e.p + " " + e.t).toLowerCase();
    const text = e.w.toLowerCase();
    let score = 0;
    for (const word of words) {
      if (e.t.toLowerCase().includes(word)) score += 8;
      else if (title.includes(word)) score += 4;
      else if (text.includes(word)) score += 1;
      else return 0;
    }
    return score;
  };

  // The words around the first one that is found.
  const passage = (text, words) => {
    const at = Math.max(0, ...words.map((w) => text.toLowerCase().indexOf(w)));
    const from = Math.max(0, text.lastIndexOf(" ", Math.max(0, at - 50)));
    return (from > 0 ? "… " : "") + text.slice(from, from + 170).trim() + (text.length > from + 170 ? " …" : "");
  };

  const show = async () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    panel.hidden = words.length === 0;
    if (words.length === 0) return;
    try {
      await load();
    } catch {
      found.textContent = "The index could not be read.";
      return;
    }
    const hits = window.handbook.map((e) => [rank(e, words), e]).filter(([score]) => score > 0).sort((a, b) => b[0] - a[0]);
    found.textContent = hits.length === 0 ? "Nothing has all these words." : hits.length > most ? `The best ${most} of ${hits.length}` : `${hits.length} found`;
    list.replaceChildren(...hits.slice(0, most).map(([, e]) => {
      const item = document.createElement("li");
      const link = document.createElement("a");
      const text = document.createElement("span");
      link.href = root + e.u;
      link.textContent = e.p === e.t ? e.p : `${e.p}: ${e.t}`;
      text.textContent = passage(e.w, words);
      item.append(link, text);
      return item;
    }));
  };

  box.hidden = false;
  input.addEventListener("focus", () => load().catch(() => {}));
  input.addEventListener("input", show);
  document.addEventListener("keydown", (e) => {
    if (e.key === "Escape") panel.hidden = true;
    if (e.key === "/" && document.activeElement !== input) { e.preventDefault(); input.focus(); }
  });
  document.addEventListener("click", (e) => { if (!box.contains(e.target)) panel.hidden = true; });
  panel.addEventListener("click", (e) => { if (e.target.closest("a")) panel.hidden = true; });
})();
