/**
 * The files of `corpus/` and `regressions/`, one row each. The bundler reads the
 * two folders and puts the rows here; without it there are none.
 */
export interface CorpusFile {
  readonly target: string;
  /** Below `test/fuzz/`. */
  readonly name: string;
  readonly base64: string;
}

export const CORPUS: readonly CorpusFile[] = [];
