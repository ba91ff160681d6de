/* What the theme leaves to the mouse, or without a name. On a narrow screen, and on a wide one at 200 %, the
   navigation is a drawer: its button, and the titles by which one goes back in it, are labels of checkboxes. */
"use strict";
{
  document.querySelector(".md-search")?.setAttribute("aria-label", "Search");

  const drawer = document.getElementById("__drawer");
  const opener = document.querySelector("label.md-header__button[for=__drawer]");
  const backs = [...document.querySelectorAll(".md-nav--primary label.md-nav__title[for^=__]:not([for=__drawer])")];

  function button(label, name) {
    label.tabIndex = 0;
    label.setAttribute("role", "button");
    label.setAttribute("aria-label", name);
    label.addEventListener("keydown", (event) => {
      if (event.key !== " " && event.key !== "Enter") return;
      // The theme would answer Enter too, and close what this opens.
      event.preventDefault();
      event.stopPropagation();
      label.click();
    });
  }

  if (drawer && opener) {
    button(opener, "Navigation");
    for (const back of backs) button(back, `Back from ${back.textContent.trim()}`);
    const say = () => opener.setAttribute("aria-expanded", String(drawer.checked));
    say();
    drawer.addEventListener("change", say);
    document.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !drawer.checked) return;
      drawer.click();
      opener.focus();
    });
  }
}
