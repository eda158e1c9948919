// Light, dark, or as the system has it. Kept for this browser.
import { store } from "./store.mjs";

const CHOICE = "vultus.theme";
export const THEMES = ["system", "light", "dark"];
export const theme = store(THEMES.includes(localStorage.getItem(CHOICE)) ? localStorage.getItem(CHOICE) : "system");

export function useTheme(chosen) {
  localStorage.setItem(CHOICE, chosen);
  theme.set(chosen);
  show();
}

export const show = () => (document.documentElement.dataset.theme = theme.get());
