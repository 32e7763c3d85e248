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

  // Browsers allow six connections to a host: a few tabs of a browser have a stream, the others look now and then, and
  // a page that nobody sees does neither.
  const STREAMS = 3;
  const LOOK_MS = 3000;
  const SILENT = "the console does not answer. It is being tried again.";

  // A function that gives the place up again; null where it is taken. Without locks (no TLS, not this machine) there
  // are no places to count.
  function take(place) {
    if (!navigator.locks) return Promise.resolve(() => {});
    return new Promise((taken) => {
      navigator.locks.request(`onhand-stream-${place}`, { ifAvailable: true }, (lock) => {
        if (!lock) return taken(null);
        return new Promise((release) => taken(release));
      });
    });
  }

  async function takeAny() {
    for (let place = 0; place < STREAMS; place++) {
      const release = await take(place);
      if (release) return release;
    }
    return null;
  }

  function follow(live) {
    const age = live.querySelector("[data-age]");
    const stock = live.querySelector("[data-stock]");
    let end = null; // ends what goes on
    let shown = "";

    function show(table, text) {
      // Written by the console's own template, which escapes.
      if (table && shown !== table) stock.innerHTML = shown = table;
      if (text && age.textContent !== text) age.textContent = text;
    }

    function stream(release) {
      const source = new EventSource(live.dataset.live);
      source.addEventListener("stock", (event) => show(event.data));
      source.addEventListener("age", (event) => show("", event.data));
      source.addEventListener("over", (event) => {
        source.close();
        show("", event.data);
      });
      source.onerror = () => {
        const refused = source.readyState === EventSource.CLOSED;
        show("", `Not current: ${refused ? "the console has refused it. Open the page again later." : SILENT}`);
      };
      end = () => {
        source.close();
        release();
      };
    }

    async function look() {
      try {
        const page = new DOMParser().parseFromString(await (await fetch(location.href)).text(), "text/html");
        show(page.querySelector("[data-stock]")?.innerHTML, page.querySelector("[data-age]")?.textContent);
      } catch {
        show("", `Not current: ${SILENT}`);
      }
    }

    async function open() {
      if (end || document.hidden) return;
      let over = false;
      end = () => (over = true);
      while (!over) {
        const release = await takeAny();
        if (release) return over ? release() : stream(release);
        await look();
        await new Promise((wake) => setTimeout(wake, LOOK_MS));
      }
    }

    function close() {
      end?.();
      end = null;
    }

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
  // A section that could not be asked again says so, until it could.
  document.addEventListener("htmx:error", (event) => {
    const section = event.target.closest?.("section");
    if (!section || section.querySelector("[data-silent]")) return;
    const notice = document.createElement("p");
    notice.className = "failed";
    notice.dataset.silent = "";
    notice.setAttribute("role", "alert");
    notice.textContent = "Not current: the console does not answer. It is being tried again.";
    section.querySelector("h2").after(notice);
  });
})();
