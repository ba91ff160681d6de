/* What the theme leaves to the mouse, or without a name. On a narrow screen, and on a wide one at 200 %, the
   navigation is a drawer: what opens it, and the titles by which one goes back in it, are labels of checkboxes.
   They get buttons. */
"use strict";
{
  document.querySelector(".md-search")?.setAttribute("aria-label", "Search");

  const drawer = document.getElementById("__drawer");
  const opener = document.querySelector("label.md-header__button[for=__drawer]");
  const backs = document.querySelectorAll(".md-nav--primary label.md-nav__title[for^=__]:not([for=__drawer])");

  function button(label, name) {
    const made = document.createElement("button");
    made.type = "button";
    made.className = "look-button";
    made.setAttribute("aria-label", name);
    made.append(...label.childNodes);
    label.append(made);
    // A click on a button doesn't reach the checkbox of the label around it.
    made.addEventListener("click", () => label.control.click());
    return made;
  }

  if (drawer && opener) {
    for (const back of backs) button(back, `Back from ${back.textContent.trim()}`);
    const open = button(opener, "Navigation");
    const say = () => open.setAttribute("aria-expanded", String(drawer.checked));
    say();
    drawer.addEventListener("change", say);
    document.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !drawer.checked) return;
      drawer.click();
      open.focus();
    });
  }
}
