// The facts that only the page itself can tell. The checker installs this file in each page before the page's own markup is
// read; the pages' policy forbids scripts of their own. Each function returns its complaints, an empty list for none.

globalThis.facts = (() => {
  /** Clips that hide text from eyes and not from screen readers are meant. */
  const isForReadersOnly = (element) => {
    const { width, height } = element.getBoundingClientRect();
    return getComputedStyle(element).position === 'absolute' && width <= 1 && height <= 1;
  };

  const isVisible = (element) => element.checkVisibility({ opacityProperty: true, visibilityProperty: true, contentVisibilityAuto: true });

  const visible = (selector) => [...document.querySelectorAll(selector)].filter(isVisible);

  /** The opening tag, which is enough to find an element by. */
  const named = (element) => {
    const text = (element.innerText ?? '').trim().replace(/\s+/g, ' ').slice(0, 40);
    return `${element.cloneNode(false).outerHTML.replace(/<\/[^>]*>$/, '').slice(0, 120)}${text && ` "${text}"`}`;
  };

  const pencil = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true });
  const mixed = new Map();

  /** Red, green, blue and alpha of any CSS colour, 0 to 255. */
  const channels = (colour) => {
    if (!mixed.has(colour)) {
      pencil.clearRect(0, 0, 1, 1);
      pencil.fillStyle = colour;
      pencil.fillRect(0, 0, 1, 1);
      mixed.set(colour, [...pencil.getImageData(0, 0, 1, 1).data]);
    }
    return mixed.get(colour);
  };

  const over = ([r, g, b, a], [r2, g2, b2]) => {
    const mix = (above, below) => (above * a + below * (255 - a)) / 255;
    return [mix(r, r2), mix(g, g2), mix(b, b2), 255];
  };

  /** The colour that an element stands on, the background of the element itself included. */
  const ground = (element) => {
    if (!element) return [255, 255, 255, 255];
    const own = channels(getComputedStyle(element).backgroundColor);
    return own[3] === 255 ? own : over(own, ground(element.parentElement));
  };

  const luminance = (colour) => {
    const [r, g, b] = colour.map((value) => (value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };

  /** The contrast ratio of WCAG 2.2. */
  const contrast = (one, other) => {
    const [light, dark] = [luminance(one), luminance(other)].sort((a, b) => b - a);
    return (light + 0.05) / (dark + 0.05);
  };

  /** The product of the opacities down to the element. */
  const opacity = (element) => (element ? Number(getComputedStyle(element).opacity) * opacity(element.parentElement) : 1);

  const MOVES =
    /^(all|transform|translate|scale|rotate|offset.*|top|right|bottom|left|inset.*|width|height|(min|max)-.*|margin.*|padding.*|background-position.*|font-size|letter-spacing|line-height)$/;
  const hyphenated = (name) => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

  /** Every animation of the page; the document itself forgets those that have ended. */
  let known = [];
  const animations = () => {
    known = [...new Set([...known, ...document.getAnimations()])].filter(({ playState }) => playState !== 'idle');
    return known;
  };

  const facts = {
    /** Everything that is folded away is shown, and every animation is at its end. */
    settle() {
      for (const details of document.querySelectorAll('details')) details.open = true;
      for (const animation of animations()) {
        if (animation.effect.getComputedTiming().endTime === Infinity) animation.pause();
        else animation.finish();
      }
    },

    /** Every animation stands at its beginning. */
    rewind() {
      for (const animation of animations()) {
        animation.pause();
        animation.currentTime = 0;
      }
    },

    language({ language, direction }) {
      const { lang, dir } = document.documentElement;
      return [
        lang === language || lang.startsWith(`${language}-`) ? '' : `lang is "${lang}", not "${language}"`,
        dir === direction ? '' : `dir is "${dir}", not "${direction}"`,
        document.title.trim() ? '' : 'no title',
      ].filter(Boolean);
    },

    headings() {
      const levels = visible('h1, h2, h3, h4, h5, h6').map((heading) => Number(heading.tagName[1]));
      const first = levels.filter((level) => level === 1).length;
      const complaints = first === 1 ? [] : [`${first} headings of level 1`];
      for (const [n, level] of levels.entries()) {
        const before = levels[n - 1] ?? 0;
        if (level > before + 1) complaints.push(`a heading of level ${level} follows one of level ${before}`);
      }
      return complaints;
    },

    /** Scripts, and what only scripts make work. */
    scripts() {
      const handlers = [...document.querySelectorAll('*')].filter((element) =>
        [...element.attributes].some(({ name, value }) => name.startsWith('on') || /^\s*javascript:/i.test(value)),
      );
      return [...document.querySelectorAll('script, noscript'), ...handlers].map((element) => `a script: ${named(element)}`);
    },

    /** What is wider than the window, and what a box cuts off. */
    overflow() {
      const { scrollWidth, clientWidth } = document.documentElement;
      const complaints = scrollWidth > clientWidth ? [`the page is ${scrollWidth} px wide in ${clientWidth}`] : [];
      for (const element of visible('body, body *')) {
        if (isForReadersOnly(element)) continue;
        const style = getComputedStyle(element);
        const { left, right, width } = element.getBoundingClientRect();
        if (width && (left < -0.5 || right > clientWidth + 0.5)) complaints.push(`sticks out: ${named(element)}`);
        const cutsDown = ['hidden', 'clip'].includes(style.overflowY) && element.scrollHeight > element.clientHeight + 1;
        if (style.display === 'inline' || !element.clientWidth) continue;
        const spillsDown = element.tagName === 'BUTTON' && element.scrollHeight > element.clientHeight + 1;
        if (cutsDown || spillsDown) complaints.push(`its content is higher than it: ${named(element)}`);
        if (element.scrollWidth > element.clientWidth + 1) complaints.push(`its content is wider than it: ${named(element)}`);
      }
      return complaints;
    },

    /** Buttons that look as if they could not be pressed. */
    faded() {
      return visible('button, input[type=submit]').flatMap((button) => {
        const style = getComputedStyle(button);
        const seen = contrast(over(channels(style.color), ground(button)), ground(button));
        return [
          opacity(button) > 0.99 ? '' : `opacity ${opacity(button).toFixed(2)}: ${named(button)}`,
          seen >= 4.5 ? '' : `contrast ${seen.toFixed(1)}: ${named(button)}`,
          style.filter === 'none' ? '' : `a filter: ${named(button)}`,
        ].filter(Boolean);
      });
    },

    /** Controls that nothing sets off from the page. */
    edgeless() {
      return visible('button, input, select, textarea').filter((control) => {
        const style = getComputedStyle(control);
        const behind = ground(control.parentElement);
        const bordered = ['top', 'right', 'bottom', 'left'].some((side) => {
          const [width, kind, colour] = ['width', 'style', 'color'].map((what) => style.getPropertyValue(`border-${side}-${what}`));
          return parseFloat(width) >= 1 && !['none', 'hidden'].includes(kind) && contrast(over(channels(colour), behind), behind) >= 3;
        });
        const drawn = style.appearance !== 'none' && /^(checkbox|radio)$/.test(control.type);
        const underlined = style.textDecorationLine.includes('underline');
        return !bordered && !drawn && !underlined && contrast(ground(control), behind) < 3;
      }).map((control) => `no edge: ${named(control)}`);
    },

    /** What moves although the person asked for no motion. */
    motion() {
      const moved = animations().flatMap((animation) => {
        const frames = animation.effect.getKeyframes().flatMap(({ offset, computedOffset, easing, composite, ...styles }) => Object.keys(styles));
        const moves = [...new Set(frames.map(hyphenated))].filter((name) => MOVES.test(name));
        return moves.map((name) => `${name} is animated: ${named(animation.effect.target)}`);
      });
      for (const element of document.querySelectorAll('*')) {
        const style = getComputedStyle(element);
        if (style.scrollBehavior === 'smooth') moved.push(`scrolls smoothly: ${named(element)}`);
        const durations = style.transitionDuration.split(', ').map(parseFloat);
        const properties = style.transitionProperty.split(', ');
        if (properties.some((name, n) => MOVES.test(name) && durations[n % durations.length] > 0)) {
          moved.push(`${style.transitionProperty} has a transition: ${named(element)}`);
        }
      }
      return moved;
    },

    /** Numbers every control that Tab should reach, in the order of the document, and returns their names. */
    controls() {
      globalThis.tabStops = visible('a[href], button, input, select, textarea, summary, [tabindex="0"], [contenteditable]').filter(
        (element) => !element.disabled && element.type !== 'hidden',
      );
      // Tab starts at the element that had the focus last, also if it has lost it.
      document.body.tabIndex = -1;
      document.body.focus();
      document.body.blur();
      document.body.removeAttribute('tabindex');
      return globalThis.tabStops.map(named);
    },

    /** The number of the control that has the focus; -1 for none of them. */
    focused: () => globalThis.tabStops.indexOf(document.activeElement),

    /** Where a control is with what may surround it, in whole pixels, and how long its edge is. */
    place(number) {
      const rects = [...globalThis.tabStops[number].getClientRects()];
      const least = (side) => Math.max(0, Math.floor(Math.min(...rects.map((rect) => rect[side]))) - 8);
      const most = (side) => Math.ceil(Math.max(...rects.map((rect) => rect[side]))) + 8;
      const edge = rects.reduce((sum, { width, height }) => sum + 2 * (width + height), 0);
      return { left: least('left'), top: least('top'), right: most('right'), bottom: most('bottom'), edge };
    },

    async axe(options) {
      const { violations, incomplete } = await axe.run(document, options);
      const say = (kind) => ({ id, nodes }) => nodes.map((node) => `${kind}${id}: ${node.html.slice(0, 160)}: ${why(node)}`);
      const why = ({ any, all, none }) => [...any, ...all, ...none].map(({ message }) => message).join('; ').slice(0, 200);
      return [...violations.flatMap(say('')), ...incomplete.flatMap(say('undecided, '))];
    },
  };

  let whole;
  const draw = async (png) => {
    const bytes = Uint8Array.from(atob(png), (char) => char.charCodeAt(0));
    const bitmap = await createImageBitmap(new Blob([bytes], { type: 'image/png' }));
    const canvas = new OffscreenCanvas(bitmap.width, bitmap.height).getContext('2d', { willReadFrequently: true });
    canvas.drawImage(bitmap, 0, 0);
    return canvas;
  };

  /** A picture of the whole page, for `changed`. */
  facts.keep = async (png) => void (whole = await draw(png));

  /** The number of pixels with a contrast of at least 3 to the same pixel of the whole page. */
  facts.changed = async ([png, { left, top, right, bottom }]) => {
    const pixels = (canvas, x, y) => canvas.getImageData(x, y, right - left, bottom - top).data;
    const [a, b] = [pixels(whole, left, top), pixels(await draw(png), 0, 0)];
    let count = 0;
    for (let at = 0; at < a.length; at += 4) {
      if (a[at] === b[at] && a[at + 1] === b[at + 1] && a[at + 2] === b[at + 2]) continue;
      if (contrast([a[at], a[at + 1], a[at + 2]], [b[at], b[at + 1], b[at + 2]]) >= 3) count += 1;
    }
    return count;
  };

  return facts;
})();
