// Runs before the first paint, so that parts which need JavaScript never jump in or out.
document.documentElement.classList.add("has-js");
