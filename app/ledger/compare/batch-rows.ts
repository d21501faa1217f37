/** What the rows of a batch must say after its published header. */
import type { BatchPiece } from './piece.ts';
import { placeOf } from './piece.ts';
import type { ExpectedRow } from './rows.ts';

/** Of `retain_guard.batch`: every column there is. */
export function batchRow(piece: BatchPiece): ExpectedRow {
  const { statement: header } = piece;
  return {
    key: header.batch,
    place: placeOf(piece),
    columns: {
      run_id: header.run,
      step_no: String(header.step),
      lane_no: String(header.lane),
      seq: String(header.seq),
      record_class: header.class,
      rule_id: header.rule.id,
      rule_version: String(header.rule.version),
      action: header.action,
      table_name: header.table,
      destroyed: String(header.items.count),
      parts: { json: header.parts },
      hold_version: header.holds.version,
      schema_sha256: header.schema_sha256,
      executed_at: header.executed_at,
      txid: header.txid,
    },
  };
}

/** Of `retain_guard.batch_sealed`; when and by which process it was sealed is for operations only. */
export function sealRow(piece: BatchPiece, isIndexed: boolean): ExpectedRow {
  const { statement: header, sha256, index } = piece;
  return {
    key: header.batch,
    place: placeOf(piece),
    columns: {
      key_epoch: header.key_epoch,
      header: sha256,
      header_sha256: sha256,
      refs: header.items.sha256,
      recovered: String(header.recovered),
      ...(isIndexed && { first_index: String(index) }),
    },
  };
}
