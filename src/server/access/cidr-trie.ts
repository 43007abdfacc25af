const BITS = 32;

const NONE = -1;

/** What a trie is made for at first; it doubles. */
const FIRST_NODES = 64;

/**
 * A set of address blocks of one family, as a binary trie in which a node stands for every bit that it shares with all below it
 * (PATRICIA): n blocks are at most 2 n nodes, whatever the length of the address, and a look-up visits about log2(n) of them. Only
 * "is it in any block" can be asked, so a block inside a larger one is left out.
 */
export class CidrTrie {
  readonly #words: number;
  /** The bits of each node, `#words` words each; those behind its length are zero. */
  #keys: Uint32Array;
  #lengths: Uint8Array;
  /** Two for each node, by the bit that follows its own. What is below a block is never looked at. */
  #children: Int32Array;
  #isBlock: Uint8Array;
  #nodes = 0;

  /** @param words 32-bit words of an address: 1 for IPv4, 4 for IPv6 */
  constructor(words: number) {
    this.#words = words;
    this.#keys = new Uint32Array(FIRST_NODES * words);
    this.#lengths = new Uint8Array(FIRST_NODES);
    this.#children = new Int32Array(FIRST_NODES * 2);
    this.#isBlock = new Uint8Array(FIRST_NODES);
    this.#append(new Uint32Array(words), 0, false); // the root: all addresses
  }

  /** How many nodes there are, the root included. */
  get nodes(): number {
    return this.#nodes;
  }

  /**
   * @param address most significant word first; its bits behind `length` do not matter
   * @param length of the prefix, in bits
   */
  add(address: Uint32Array, length: number): void {
    let node = 0;
    for (;;) {
      if (this.#isBlock[node] === 1) return;
      if (this.#lengths[node] === length) {
        this.#isBlock[node] = 1;
        return;
      }
      const side = bitAt(address, this.#lengths[node]!);
      const child = this.#children[2 * node + side]!;
      if (child === NONE) {
        this.#setChild(node, side, this.#append(address, length, true));
        return;
      }
      const shared = Math.min(this.#sharedBits(child, address), length);
      if (shared === this.#lengths[child]) {
        node = child;
        continue;
      }
      // The child's bits go on otherwise: a node for what both share comes between.
      const between = this.#append(address, shared, false);
      this.#setChild(between, bitAt(this.#keys, shared, child * this.#words), child);
      this.#setChild(node, side, between);
      node = between;
    }
  }

  /** Whether the address lies in a block. */
  has(address: Uint32Array): boolean {
    let node = 0;
    while (this.#isBlock[node] === 0) {
      node = this.#children[2 * node + bitAt(address, this.#lengths[node]!)]!;
      if (node === NONE || this.#sharedBits(node, address) < this.#lengths[node]!) return false;
    }
    return true;
  }

  /** How many bits of a node the address begins with: at most as many as the node has. */
  #sharedBits(node: number, address: Uint32Array): number {
    const length = this.#lengths[node]!;
    const first = node * this.#words;
    for (let word = 0; word * BITS < length; word += 1) {
      const difference = (this.#keys[first + word]! ^ address[word]!) >>> 0;
      if (difference !== 0) return Math.min(word * BITS + Math.clz32(difference), length);
    }
    return length;
  }

  #append(address: Uint32Array, length: number, isBlock: boolean): number {
    const node = this.#nodes;
    if (node === this.#lengths.length) this.#grow();
    for (let word = 0; word < this.#words; word += 1) this.#keys[node * this.#words + word] = address[word]! & maskOf(length - word * BITS);
    this.#lengths[node] = length;
    this.#isBlock[node] = isBlock ? 1 : 0;
    this.#setChild(node, 0, NONE);
    this.#setChild(node, 1, NONE);
    this.#nodes += 1;
    return node;
  }

  #setChild(node: number, side: 0 | 1, child: number): void {
    this.#children[2 * node + side] = child;
  }

  #grow(): void {
    const grown = <Kind extends Uint32Array | Uint8Array | Int32Array>(larger: Kind, old: Kind): Kind => {
      larger.set(old);
      return larger;
    };
    this.#keys = grown(new Uint32Array(this.#keys.length * 2), this.#keys);
    this.#lengths = grown(new Uint8Array(this.#lengths.length * 2), this.#lengths);
    this.#children = grown(new Int32Array(this.#children.length * 2), this.#children);
    this.#isBlock = grown(new Uint8Array(this.#isBlock.length * 2), this.#isBlock);
  }
}

function bitAt(words: Uint32Array, bit: number, first = 0): 0 | 1 {
  return ((words[first + (bit >>> 5)]! >>> (31 - (bit & 31))) & 1) as 0 | 1;
}

/** The upper `bits` of a word; none for 0 and less, all for 32 and more. */
function maskOf(bits: number): number {
  if (bits <= 0) return 0;
  return bits >= BITS ? 0xffffffff : ~(0xffffffff >>> bits);
}
