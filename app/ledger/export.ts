/** Handing the ledger out: the folder an auditor verifies, and lines that people can read. */
import { createWriteStream } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { parseCheckpoint } from '../../ledger/checkpoint.ts';
import { parseNote } from '../../ledger/note.ts';
import type { Retain } from '../context.ts';
import { type ExtractFilter, type ExtractLine, extractLines } from './extract.ts';
import { folderSink } from './folder-sink.ts';
import { startingPolicy } from './key-admin.ts';
import { requireCheckpoint, withLedger } from './open-ledger.ts';
import { publish } from './publish.ts';

export interface ExportRequest {
  /** Absolute path of the folder; an earlier export there is continued. */
  readonly dir: string;
  readonly extract?: 'csv' | 'jsonl' | undefined;
  readonly filter: ExtractFilter;
  /** How one line is written; the first call of an extract asks for the head line with `undefined`. */
  readonly format: (line: ExtractLine | undefined) => string;
}

export interface Exported {
  readonly size: number;
  readonly signedAt: string;
  /** Lines of the extract. */
  readonly lines: number;
}

/**
 * Writes the log as static files (C2SP tlog-tiles) up to the newest signed head, beside it `policy.txt`, and
 * an extract where one is asked for. Memory is that of one batch. Throws `LEDGER_MISSING`, `LEDGER_LAGS`
 * before the first checkpoint, `LEDGER_FORKED` when the folder has another history.
 */
export async function exportLog(retain: Retain, request: ExportRequest): Promise<Exported> {
  const { note, signedAt } = await requireCheckpoint(retain);
  const { size } = parseCheckpoint(parseNote(Buffer.from(note)).text);
  return withLedger(retain, async (ledger) => {
    await publish(folderSink(request.dir), ledger.reader, note);
    await writeFile(join(request.dir, 'policy.txt'), await startingPolicy(retain));
    let lines = 0;
    if (request.extract !== undefined) {
      await mkdir(request.dir, { recursive: true });
      const counted = async function* (): AsyncGenerator<string> {
        yield request.format(undefined);
        for await (const line of extractLines(retain, ledger, size, request.filter)) {
          lines += 1;
          yield request.format(line);
        }
      };
      const file = join(request.dir, `records.${request.extract}`);
      await pipeline(Readable.from(counted()), createWriteStream(file));
    }
    return { size, signedAt, lines };
  });
}
