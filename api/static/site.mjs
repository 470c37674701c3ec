// Small conveniences; every page works without them. No request, no storage, nothing about the visitor leaves the page.

const main = document.querySelector("main");

/** Give every digest and command a button that copies it. */
function addCopyButtons() {
  if (!navigator.clipboard) return;
  for (const element of document.querySelectorAll(".hashes code, [data-copyable]")) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.textContent = main.dataset.copy;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(element.textContent);
      button.textContent = main.dataset.copied;
      setTimeout(() => (button.textContent = main.dataset.copy), 1500);
    });
    (element.closest("a") ?? element).after(button); // never a button inside a link
  }
}

/** Show the reader's own local time on hover; the page itself speaks China Standard Time. */
function addLocalTimes() {
  const language = document.documentElement.lang;
  for (const element of document.querySelectorAll("time[datetime]")) {
    const when = new Date(element.dateTime);
    if (!Number.isNaN(when.valueOf())) {
      element.title = when.toLocaleString(language, { dateStyle: "medium", timeStyle: "long" });
    }
  }
}

/** Open a closed section that a link points into, so that the target can be seen. */
function openTarget() {
  const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  for (let node = target; node; node = node.parentElement) if (node.tagName === "DETAILS") node.open = true;
}

addCopyButtons();
addLocalTimes();
openTarget();
addEventListener("hashchange", openTarget);
addEventListener("beforeprint", () => {
  for (const details of document.querySelectorAll("details:not([open])")) details.dataset.closed = "", (details.open = true);
});
addEventListener("afterprint", () => {
  for (const details of document.querySelectorAll("details[data-closed]")) delete details.dataset.closed, (details.open = false);
});
