// The key of this tab: in sessionStorage, sent in a header, never in a cookie or an address.
const NAME = "vultus.key";

export const currentKey = () => sessionStorage.getItem(NAME);
export const keepKey = (key) => sessionStorage.setItem(NAME, key);
export const forgetKey = () => sessionStorage.removeItem(NAME);

// The key of a link like /console#key=vk_...: taken out of the address before anything else can see or keep it.
export function keyFromAddress() {
  const found = /^#key=([^&]*)/.exec(location.hash);
  if (!found) return null;
  history.replaceState(null, "", location.pathname + location.search);
  try {
    return decodeURIComponent(found[1]).trim() || null;
  } catch {
    return null; // a stray % in it
  }
}
