// What the argument found, as values in the JSON form of `originseal verify --json`. Decides nothing.

import { hex } from "./bytes.mjs";
import { CONTRACTS } from "./anchors.mjs";

const assumption = (id, value, zh, en) => ({ id, value, statement: { zh, en } });

/** What is assumed about chain, checkpoint keys and contract addresses where there are no anchors. */
export const assumeClaims = (bundle, genesis) => [
  assumption("chain", `${bundle.chainId}/0x${hex(genesis)}`, "这就是您所指的链", "this is the chain that you mean"),
  ...[...bundle.checkpointKeys.keys()].map((id) =>
    assumption("checkpoint-key", `sm3:${id}`, "此检查点密钥属于可信的运营方", "this checkpoint key is one you trust"),
  ),
  ...CONTRACTS.map((name) =>
    assumption("contract", `${name} 0x${hex(bundle.contracts[name])}`, "此地址是账本的合约", "this is the ledger's contract"),
  ),
];

export const assumeCode = (name, codeHash) =>
  assumption("code", `${name} keccak256:${hex(codeHash)}`, "此代码是经过审核的合约代码", "this code is the reviewed contract's");

/** What holds once no step failed. */
export function conclusion({ bundle, genesis, block, blocks, keys, vouched, lot, members }) {
  const { keyId } = bundle.checkpoint;
  return {
    chainId: bundle.chainId,
    genesis: `0x${hex(genesis)}`,
    height: Number(block.number),
    block: `0x${hex(block.hash)}`,
    time: Number(block.time),
    checkpointKey: { keyId: `sm3:${keyId}`, name: keys.get(keyId).name },
    witnesses: {
      cosigned: vouched.cosigned,
      of: vouched.of,
      needed: vouched.needed,
      cosignatures: vouched.verified.map(({ witness, time, method }) => ({
        keyId: `sm3:${witness.id}`, agency: witness.agency, name: { zh: witness.zh, en: witness.en }, time, method,
      })),
    },
    lot: {
      custodian: `sm3:${hex(lot.custodian)}`,
      quantity: String(lot.quantity),
      remaining: String(lot.remaining),
      unit: Number(lot.unit),
      state: Number(lot.state),
      registeredAt: Number(lot.registeredAt),
      head: `keccak256:${hex(lot.head)}`,
      records: Number(lot.total),
      submissions: Number(lot.entries),
    },
    members: [...members].map(([id, { standing }]) => ({ id: `sm3:${id}`, standing: Number(standing) })),
    records: bundle.submissions.flatMap((submission, at) =>
      submission.records.map((record) => {
        const shown = record.fields.filter(({ path }) => path).length;
        return {
          digest: `sm3:${hex(record.digest)}`,
          kind: record.kind,
          author: `sm3:${hex(submission.memberId)}`,
          keyId: `sm3:${submission.key.id}`,
          custodial: submission.custodial,
          submissionId: `keccak256:${hex(submission.id)}`,
          block: Number(blocks[at].number),
          sealedAt: Number(blocks[at].time),
          shown,
          withheld: record.fields.length - shown,
          erased: record.erased,
        };
      }),
    ),
  };
}
