// The colour scheme at once, without the page load that the plain form would take.

const YEAR = 31_536_000;

document.addEventListener("submit", (event) => {
  const { submitter } = event;
  if (submitter?.name !== "theme") return;
  event.preventDefault();
  const root = document.documentElement;
  if (submitter.value === "system") delete root.dataset.theme;
  else root.dataset.theme = submitter.value;
  document.cookie = `theme=${submitter.value}; path=/; max-age=${YEAR}; samesite=lax`;
  for (const button of submitter.form.elements) {
    if (button.name === "theme") button.setAttribute("aria-pressed", String(button === submitter));
  }
});
