package main

import (
	"fmt"

	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/tlog"
)

// checkInclusion lets both libraries verify an inclusion proof.
func checkInclusion(r request) error {
	hashes, wellFormed := toHashes(append([][]byte{r.LeafHash, r.Root}, r.Proof...))
	bySumDB := wellFormed &&
		tlog.CheckRecord(hashes[2:], r.Size, hashes[1], r.Index, hashes[0]) == nil
	byMerkle := proof.VerifyInclusion(
		rfc6962.DefaultHasher, uint64(r.Index), uint64(r.Size), r.LeafHash, r.Proof, r.Root) == nil
	return compare(r.Holds, bySumDB, byMerkle)
}

// checkConsistency lets both libraries verify a consistency proof.
func checkConsistency(r request) error {
	hashes, wellFormed := toHashes(append([][]byte{r.OldRoot, r.NewRoot}, r.Proof...))
	bySumDB := wellFormed &&
		tlog.CheckTree(hashes[2:], r.NewSize, hashes[1], r.OldSize, hashes[0]) == nil
	byMerkle := proof.VerifyConsistency(
		rfc6962.DefaultHasher, uint64(r.OldSize), uint64(r.NewSize), r.Proof, r.OldRoot, r.NewRoot) == nil
	if r.OldSize == 0 {
		// Here the two differ: to this one every tree is consistent with the empty one.
		byMerkle = bySumDB
	}
	return compare(r.Holds, bySumDB, byMerkle)
}

func compare(holds, bySumDB, byMerkle bool) error {
	if holds == bySumDB && holds == byMerkle {
		return nil
	}
	return fmt.Errorf("Retain says %v, sumdb/tlog %v, transparency-dev/merkle %v", holds, bySumDB, byMerkle)
}

// toHashes answers false when one of them has not 32 bytes.
func toHashes(all [][]byte) ([]tlog.Hash, bool) {
	hashes := make([]tlog.Hash, len(all))
	for i, bytes := range all {
		if len(bytes) != tlog.HashSize {
			return nil, false
		}
		hashes[i] = tlog.Hash(bytes)
	}
	return hashes, true
}
