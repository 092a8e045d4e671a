/** The side panels: always there on a wide screen, sheets over the face on a narrow one. */

export class Panels {
  #open = null;

  /** `sheets`: [{panel, button}], the button that opens it on a narrow screen. */
  constructor(sheets) {
    this.sheets = sheets;
    for (const sheet of sheets) {
      sheet.button.addEventListener("click", () => (this.#open === sheet ? this.close() : this.open(sheet)));
      sheet.panel.querySelector("[data-close]").addEventListener("click", () => this.close());
    }
    document.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !this.#open || document.querySelector("dialog[open]")) return;
      event.preventDefault();
      this.close();
    }, { capture: true });
    matchMedia("(min-width: 1180px)").addEventListener("change", () => this.close());
  }

  open(sheet) {
    this.close();
    this.#open = sheet;
    sheet.panel.classList.add("open");
    sheet.button.setAttribute("aria-expanded", "true");
    sheet.panel.querySelector("[data-close]").focus();
  }

  close() {
    const sheet = this.#open;
    if (!sheet) return;
    this.#open = null;
    sheet.panel.classList.remove("open");
    sheet.button.setAttribute("aria-expanded", "false");
    sheet.button.focus();
  }
}
