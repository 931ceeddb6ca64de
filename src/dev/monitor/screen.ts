/** A terminal that pages are drawn on: `process.stdout`, or something like it. */
export interface ScreenTerminal {
  readonly isTTY?: boolean;
  readonly rows?: number;
  readonly columns?: number;
  write(text: string): unknown;
}

/** A page that replaces the one before. */
export interface Screen {
  draw(page: string): void;
  /** Restores the terminal; calling it again is harmless. */
  restore(): void;
}

const OTHER_SCREEN = '\u001B[?1049h';
const FIRST_SCREEN = '\u001B[?1049l';
const HIDE_CURSOR = '\u001B[?25l';
const SHOW_CURSOR = '\u001B[?25h';
const TOP_LEFT = '\u001B[H';
const CLEAR_TO_LINE_END = '\u001B[K';
const CLEAR_BELOW = '\u001B[J';

const USUAL_ROWS = 24;
const USUAL_COLUMNS = 80;

/** Opens the terminal's alternate screen, so that the earlier content is there again afterwards. */
export function openScreen(terminal: ScreenTerminal): Screen {
  let isOpen = true;
  terminal.write(`${OTHER_SCREEN}${HIDE_CURSOR}`);
  return {
    draw: (page) => {
      if (!isOpen) return;
      // A terminal that does not know its size says 0.
      const rows = terminal.rows || USUAL_ROWS;
      const columns = terminal.columns || USUAL_COLUMNS;
      // Longer lines would be broken, and further lines would scroll.
      const lines = page
        .split('\n')
        .slice(0, rows)
        .map((line) => line.slice(0, columns));
      terminal.write(`${TOP_LEFT}${lines.join(`${CLEAR_TO_LINE_END}\r\n`)}${CLEAR_TO_LINE_END}${CLEAR_BELOW}`);
    },
    restore: () => {
      if (!isOpen) return;
      isOpen = false;
      terminal.write(`${SHOW_CURSOR}${FIRST_SCREEN}`);
    },
  };
}
