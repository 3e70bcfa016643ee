// Runs before anything is painted, so that who has chosen a theme never sees the other one flash by.
try {
  const chosen = localStorage.getItem("theme");
  if (chosen === "dark" || chosen === "light") document.documentElement.dataset.theme = chosen;
} catch {
  // Nothing is kept here: the system's theme it is.
}
