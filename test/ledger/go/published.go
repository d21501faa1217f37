package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/tlog"
)

const tileHeight = 8

// folder reads the tiles that Retain published.
type folder string

func (f folder) Height() int { return tileHeight }

func (f folder) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	data := make([][]byte, len(tiles))
	for i, tile := range tiles {
		var err error
		if data[i], err = os.ReadFile(filepath.Join(string(f), publishedPath(tile))); err != nil {
			return nil, err
		}
	}
	return data, nil
}

func (f folder) SaveTiles([]tlog.Tile, [][]byte) {}

// publishedPath is the path of C2SP tlog-tiles: that of sumdb without the height, and with another
// word for entries.
func publishedPath(tile tlog.Tile) string {
	path := strings.Replace(tile.Path(), fmt.Sprintf("tile/%d/", tileHeight), "tile/", 1)
	return strings.Replace(path, "tile/data/", "tile/entries/", 1)
}

// reader answers only hashes that it could prove to be in the tree with that root.
func reader(r request) (tlog.HashReader, error) {
	hashes, wellFormed := toHashes([][]byte{r.Root})
	if !wellFormed {
		return nil, errors.New("the root is no hash")
	}
	return tlog.TileHashReader(tlog.Tree{N: r.Size, Hash: hashes[0]}, folder(r.Folder)), nil
}

// checkNewFiles compares what is to be written when a tree grows: the tiles, then the bundles.
func checkNewFiles(r request) error {
	var paths []string
	var bundles []string
	for _, tile := range tlog.NewTiles(tileHeight, r.OldSize, r.NewSize) {
		paths = append(paths, publishedPath(tile))
		if tile.L == 0 {
			tile.L = -1
			bundles = append(bundles, publishedPath(tile))
		}
	}
	paths = append(paths, bundles...)
	if !slices.Equal(paths, r.Paths) {
		return fmt.Errorf("the files to write are %q", paths)
	}
	return nil
}

// checkPublished proves every leaf hash of the folder with sumdb, hashes every entry again, and builds
// the root from these with transparency-dev.
func checkPublished(r request) error {
	hashes, err := reader(r)
	if err != nil {
		return err
	}
	indexes := make([]int64, r.Size)
	for i := range indexes {
		indexes[i] = tlog.StoredHashIndex(0, int64(i))
	}
	leaves, err := hashes.ReadHashes(indexes)
	if err != nil {
		return err
	}
	entries, err := readEntries(r)
	if err != nil {
		return err
	}
	if len(entries) != len(leaves) {
		return fmt.Errorf("%d entries for %d leaves", len(entries), len(leaves))
	}
	tree := (&compact.RangeFactory{Hash: rfc6962.DefaultHasher.HashChildren}).NewEmptyRange(0)
	for i, entry := range entries {
		if tlog.RecordHash(entry) != leaves[i] {
			return fmt.Errorf("entry %d is not that of its leaf", i)
		}
		if err := tree.Append(rfc6962.DefaultHasher.HashLeaf(entry), nil); err != nil {
			return err
		}
	}
	root, err := tree.GetRootHash(nil)
	if err != nil {
		return err
	}
	if !bytes.Equal(root, r.Root) {
		return fmt.Errorf("the root of the entries is %x", root)
	}
	return nil
}

func readEntries(r request) ([][]byte, error) {
	var entries [][]byte
	for _, tile := range tlog.NewTiles(tileHeight, 0, r.Size) {
		if tile.L != 0 {
			continue
		}
		tile.L = -1
		bundle, err := os.ReadFile(filepath.Join(r.Folder, publishedPath(tile)))
		if err != nil {
			return nil, err
		}
		for len(bundle) > 0 {
			if len(bundle) < 2 || len(bundle)-2 < int(binary.BigEndian.Uint16(bundle)) {
				return nil, fmt.Errorf("bundle %d is cut", tile.N)
			}
			end := 2 + int(binary.BigEndian.Uint16(bundle))
			entries = append(entries, bundle[2:end])
			bundle = bundle[end:]
		}
	}
	return entries, nil
}

// checkProveInclusion compares the proof that sumdb makes from the same tiles.
func checkProveInclusion(r request) error {
	hashes, err := reader(r)
	if err != nil {
		return err
	}
	made, err := tlog.ProveRecord(r.Size, r.Index, hashes)
	return sameProof(r, made, err)
}

// checkProveConsistency does the same for an older size.
func checkProveConsistency(r request) error {
	hashes, err := reader(r)
	if err != nil {
		return err
	}
	made, err := tlog.ProveTree(r.Size, r.OldSize, hashes)
	return sameProof(r, made, err)
}

func sameProof(r request, made []tlog.Hash, err error) error {
	if err != nil {
		return err
	}
	given, wellFormed := toHashes(r.Proof)
	if !wellFormed || !slices.Equal(given, made) {
		return fmt.Errorf("the proof is %v", made)
	}
	return nil
}
