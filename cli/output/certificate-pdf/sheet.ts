/** A4 pages of tagged content: what is seen is what a screen reader tells, in the same order. */
import PDFDocument from 'pdfkit';
import {
  block,
  bulleted,
  type Column,
  type Figure,
  foot,
  illustrated,
  kicker,
  labelled,
  type Row,
  section,
  tabular,
} from './blocks.ts';
import { FONT_NAMES, font } from './fonts.ts';
import type { Pen } from './pen.ts';

export interface SheetInfo {
  readonly title: string;
  readonly author: string;
  readonly subject: string;
  /** Stands for every date in the file, so that one certificate has one PDF. */
  readonly date: Date;
  /** At the foot of each page, before its number. */
  readonly foot: string;
}

export interface Attachment {
  readonly name: string;
  readonly type: string;
  readonly description: string;
  readonly bytes: Buffer;
}

export interface Sheet {
  /** A line above the title. */
  kicker(text: string): void;
  title(text: string): void;
  lead(text: string): void;
  /** Begins a section; `about` stands below its title in small type. */
  section(title: string, about?: string): void;
  rows(rows: readonly Row[]): void;
  table(columns: readonly Column[], rows: readonly (readonly string[])[]): void;
  bullets(items: readonly string[]): void;
  figure(figure: Figure): void;
  /** A paragraph for when some text so far had characters that the fonts lack. */
  noteEscapes(text: string): void;
  attach(attachment: Attachment): void;
  /** Ends the document and answers its bytes. */
  finish(): Promise<Buffer>;
}

const MARGINS = { top: 58, bottom: 66, left: 64, right: 64 };

/** A document in English; the same calls give the same bytes. */
export function openSheet(info: SheetInfo): Sheet {
  const { title, author, subject, date } = info;
  const doc = new PDFDocument({
    size: 'A4',
    margins: MARGINS,
    pdfVersion: '1.7',
    tagged: true,
    lang: 'en-GB',
    displayTitle: true,
    bufferPages: true,
    info: {
      ...{ Title: title, Author: author, Subject: subject },
      ...{ Creator: 'Retain', Producer: 'Retain', CreationDate: date, ModDate: date },
    },
  });
  for (const name of FONT_NAMES) doc.registerFont(name, font(name).bytes);
  const root = doc.struct('Document');
  doc.addStructure(root);
  const pen: Pen = { doc, root, section: root, escaped: false };
  return {
    kicker: (text) => kicker(pen, text),
    title: (text) => block(pen, 'H1', 'title', text, 10),
    lead: (text) => block(pen, 'P', 'lead', text, 6),
    section: (text, about) => section(pen, text, about),
    rows: (rows) => labelled(pen, rows),
    table: (columns, rows) => tabular(pen, columns, rows),
    bullets: (items) => bulleted(pen, items),
    figure: (figure) => illustrated(pen, figure),
    noteEscapes: (text) => {
      if (pen.escaped) block(pen, 'P', 'note', text, 5);
    },
    attach: ({ bytes, ...options }) => {
      // What the pages are made from (ISO 32000-2, AFRelationship).
      const source = { relationship: 'Source', creationDate: date, modifiedDate: date };
      doc.file(bytes, { ...options, ...source });
    },
    finish: () => finish(pen, info.foot),
  };
}

function finish(pen: Pen, text: string): Promise<Buffer> {
  const { doc, root } = pen;
  foot(pen, text);
  root.end();
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    doc.on('data', (chunk: Buffer) => chunks.push(chunk));
    doc.on('end', () => resolve(Buffer.concat(chunks)));
    doc.on('error', reject);
    doc.end();
  });
}
