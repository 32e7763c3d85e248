// What a page gains from a script: the reader's own time zone, countdowns, and stock that moves by itself.
// Every page works without it.
"use strict";
(() => {
  const zoned = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

  function localise(root) {
    for (const time of root.querySelectorAll("time[datetime]:not([title])")) {
      const at = new Date(time.dateTime);
      if (Number.isNaN(at.getTime())) continue;
      time.title = time.textContent;
      time.textContent = zoned.format(at);
    }
  }

  function countDown() {
    for (const until of document.querySelectorAll("[data-until]")) {
      const left = Math.ceil((Date.parse(until.dataset.until) - Date.now()) / 1000);
      const text = left > 0 ? `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")} left` : "Its time is over.";
      if (until.textContent !== text) until.textContent = text;
    }
  }

  // Browsers allow six connections to a host: a page that nobody sees gives its stream up.
  function follow(live) {
    let source = null;
    const age = live.querySelector("[data-age]");
    const stock = live.querySelector("[data-stock]");
    const set = (element, property, value) => {
      if (element[property] !== value) element[property] = value;
    };
    const open = () => {
      if (source || document.hidden) return;
      source = new EventSource(live.dataset.live);
      source.addEventListener("stock", (event) => {
        // Written by the console's own template, which escapes.
        if (stock.dataset.last !== event.data) {
          stock.dataset.last = event.data;
          stock.innerHTML = event.data;
        }
      });
      source.addEventListener("age", (event) => set(age, "textContent", event.data));
      source.onerror = () => set(age, "textContent", "Not current: the console does not answer. It is being tried again.");
    };
    const close = () => {
      source?.close();
      source = null;
    };
    document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
    window.addEventListener("pagehide", close);
    window.addEventListener("pageshow", open);
    open();
  }

  localise(document);
  countDown();
  setInterval(countDown, 1000);
  document.querySelectorAll("[data-live]").forEach(follow);
  document.addEventListener("htmx:after:swap", () => localise(document));
})();
