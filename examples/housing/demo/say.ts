/** What the demonstration prints. */

export function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

export function heading(title: string): void {
  say(`\n── ${title} ${'─'.repeat(Math.max(0, 96 - title.length))}`);
}

/** `38,112`. */
export function count(value: number): string {
  return value.toLocaleString('en-GB');
}
