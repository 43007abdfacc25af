/** In what engines differ, as docs/engines.md says, and networks. */
export interface Traits {
  /** How many bytes fit into nobody's buffers. */
  readonly floodBytes: number;
  /** Whether they are sent at once to who reads; else all other things come first. */
  readonly isFloodFast: boolean;
  /** When the promises are looked at that callbacks have returned: before the output of their batch leaves, after it, or when all is quiet. */
  readonly rejectionsComeAfter: 'batch' | 'turn' | 'step';
  /** Whether descriptors can be taken over. */
  readonly canAdd: boolean;
  /** Whether there is one who never answers; else nobody is there in his place. */
  readonly hasSilence: boolean;
}
