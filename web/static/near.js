/**
 * Whether an element is near what can be seen, so that only what is looked at costs anything.
 *
 * @module
 */

import { useEffect } from "preact/hooks";
import { useSignal } from "@preact/signals";

/** So near that scrolling finds it ready. */
const MARGIN = "300px";

/**
 * @param {import("preact").RefObject<Element | null>} ref
 * @returns {import("@preact/signals").ReadonlySignal<boolean>}
 */
export function useNear(ref) {
  const near = useSignal(false);
  useEffect(() => {
    if (ref.current === null) return undefined;
    const watcher = new IntersectionObserver(
      (entries) => {
        near.value = entries.at(-1)?.isIntersecting ?? false;
      },
      { rootMargin: MARGIN },
    );
    watcher.observe(ref.current);
    return () => watcher.disconnect();
  }, []);
  return near;
}
