/** QR codes as squares to draw. */
import qrcode from 'qrcode-generator';

export interface QrCode {
  /** Modules on a side; four more of white around it are for the page to leave (ISO/IEC 18004). */
  readonly size: number;
  /** Dark runs of each row: column of the first module and how many. */
  readonly runs: readonly {
    readonly row: number;
    readonly column: number;
    readonly width: number;
  }[];
}

/** The smallest code for the text at error correction level M (15 %). */
export function qrCode(text: string): QrCode {
  const code = qrcode(0, 'M');
  code.addData(text);
  code.make();
  const size = code.getModuleCount();
  const runs: { row: number; column: number; width: number }[] = [];
  for (let row = 0; row < size; row += 1) {
    for (let column = 0; column < size; column += 1) {
      if (!code.isDark(row, column)) continue;
      const last = runs.at(-1);
      if (last?.row === row && last.column + last.width === column) last.width += 1;
      else runs.push({ row, column, width: 1 });
    }
  }
  return { size, runs };
}
