import { useCallback, useEffect, useRef, useState } from "react";
import { getStream, part } from "../api/client";
import { after, appended, before, NOTHING, prepended, STEP, type Line, type Stretch } from "./lines";

const RETRY_MS = 1_500;
// Around a line that somebody jumps to.
const CONTEXT = 300;

export interface Log extends Stretch {
  isLoading: boolean;
  error: unknown;
  /** How many lines came before those that were here: what is in view stays in view. */
  shift: number;
  earlier: () => void;
  later: () => void;
  toFirst: () => void;
  toLast: () => void;
  /** Show what surrounds a line. */
  around: (line: Line) => void;
}

interface Shown extends Stretch {
  isLoading: boolean;
  error: unknown;
  shift: number;
}

const EMPTY: Shown = { ...NOTHING, isLoading: true, error: null, shift: 0 };

/** A log of any length: some of its lines, what is before or after as it is asked for, what is printed as it comes. */
export function useLog(run: string, node: string, words: string, isOpen: boolean): Log {
  const [shown, setShown] = useState<Shown>(EMPTY);
  const now = useRef<Shown>(EMPTY);
  const stop = useRef(new AbortController());
  const isBusy = useRef(false);

  const set = useCallback((next: Partial<Shown>) => {
    now.current = { ...now.current, shift: 0, ...next };
    setShown(now.current);
  }, []);

  /** Read lines, handing them over as they come; true if all were read. */
  const read = useCallback(async (query: Record<string, string | number | boolean>, take: (lines: Line[]) => void) => {
    const answer = await getStream(`/runs/${part(run)}/logs`, { node, q: words, ...query }, stop.current.signal);
    const reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const texts = (rest + value).split("\n");
      rest = texts.pop() ?? "";
      if (texts.length) take(texts.map((text) => JSON.parse(text) as Line));
    }
  }, [run, node, words]);

  const all = useCallback(async (query: Record<string, string | number | boolean>): Promise<Line[]> => {
    const found: Line[] = [];
    await read(query, (lines) => found.push(...lines));
    return found;
  }, [read]);

  /** What is printed from now on, as long as the end is here; after a break, from the last line on. */
  const follow = useCallback(async (signal: AbortSignal) => {
    while (!signal.aborted) {
      try {
        let frame = 0;
        let coming: Line[] = [];
        const draw = () => {
          frame = 0;
          const more = coming;
          coming = [];
          if (!signal.aborted) set({ ...appended(now.current, more, true), error: null });
        };
        await read({ ...after(now.current.lines), follow: true }, (lines) => {
          coming.push(...lines);
          frame ||= requestAnimationFrame(draw);
        });
        cancelAnimationFrame(frame);
        draw();
        return;
      } catch (error) {
        if (signal.aborted) return;
        set({ error });
        await new Promise((done) => setTimeout(done, RETRY_MS));
      }
    }
  }, [read, set]);

  /** Begin anew somewhere; whatever went on, ends. */
  const restart = useCallback((begin: () => Promise<Stretch>) => {
    stop.current.abort();
    stop.current = new AbortController();
    const { signal } = stop.current;
    isBusy.current = true;
    const go = async () => {
      while (!signal.aborted) {
        try {
          const found = await begin();
          if (signal.aborted) return;
          set({ ...found, isLoading: false, error: null });
          isBusy.current = false;
          if (found.isLast && isOpen) await follow(signal);
          return;
        } catch (error) {
          if (signal.aborted) return;
          set({ isLoading: false, error });
          await new Promise((done) => setTimeout(done, RETRY_MS));
        }
      }
    };
    void go();
  }, [follow, isOpen, set]);

  const toFirst = useCallback(() => restart(async () => {
    const lines = await all({ limit: STEP });
    return { lines, isFirst: true, isLast: lines.length < STEP };
  }), [restart, all]);
  const toLast = useCallback(() => restart(async () => {
    const lines = await all({ tail: STEP });
    return { lines, isFirst: lines.length < STEP, isLast: true };
  }), [restart, all]);
  const around = useCallback((line: Line) => restart(async () => {
    const [earlier, later] = await Promise.all([all({ tail: CONTEXT, printed_before: line.at }), all({ limit: STEP, printed_from: line.at })]);
    return { lines: [...earlier, ...later], isFirst: earlier.length < CONTEXT, isLast: later.length < STEP };
  }), [restart, all]);

  useEffect(() => {
    now.current = EMPTY;
    setShown(EMPTY);
    if (isOpen && !words) toLast();
    else toFirst();
    return () => stop.current.abort();
    // A run that ends is not read again: what it printed last has come.
    // oxlint-disable-next-line react-hooks/exhaustive-deps
  }, [run, node, words]);

  const extend = useCallback((query: Record<string, string | number | boolean>, take: (lines: Line[]) => Partial<Shown>) => {
    if (isBusy.current) return;
    isBusy.current = true;
    const { signal } = stop.current;
    all(query).then((lines) => !signal.aborted && set({ ...take(lines), error: null }), (error: unknown) => !signal.aborted && set({ error })).finally(() => {
      if (!signal.aborted) isBusy.current = false;
    });
  }, [all, set]);

  return {
    ...shown,
    toFirst,
    toLast,
    around,
    earlier: () => {
      const { isFirst, lines } = now.current;
      if (!isFirst && lines.length) extend({ tail: STEP, ...before(lines) }, (more) => ({ ...prepended(now.current, more, more.length < STEP), shift: more.length }));
    },
    later: () => {
      const { isLast, lines } = now.current;
      if (isLast || !lines.length) return;
      extend({ limit: STEP, ...after(lines) }, (more) => {
        const next = appended(now.current, more, more.length < STEP);
        return { ...next, shift: next.lines.length - now.current.lines.length - more.length };
      });
    },
  };
}
