// The colour scheme at once, without the page load that the plain form would take.

const YEAR = 31_536_000;

document.addEventListener("submit", (event) => {
  const { submitter } = event;
  if (submitter?.name !== "theme") return;
  event.preventDefault();
  const root = document.documentElement;
  if (submitter.value === "system") delete root.dataset.theme;
  else root.dataset.theme = submitter.value;
  const isSafe = location.protocol === "https:" ? "; secure" : "";
  document.cookie = `theme=${submitter.value}; path=/; max-age=${YEAR}; samesite=lax${isSafe}`;
  for (const button of document.querySelectorAll("button[name=theme]")) {
    button.setAttribute("aria-pressed", String(button.value === submitter.value));
  }
});
