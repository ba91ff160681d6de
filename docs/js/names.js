/* The theme's search is a dialog without a name, which a screen reader would call just that. */
"use strict";
document.querySelector(".md-search")?.setAttribute("aria-label", "Search");
