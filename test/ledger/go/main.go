// Command ledger is a second opinion on the trees of Retain: the transparency log of the Go module
// system and the one of the transparency-dev project look at the same claims.
//
// It reads requests as JSON from standard input and writes one line for each: "agree", or "disagree"
// and what they say instead.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
)

// request is one claim. Which fields it has depends on what is to be checked.
type request struct {
	Check string `json:"check"`
	// Holds is what Retain says of a proof.
	Holds bool `json:"holds"`

	Index    int64    `json:"index"`
	Size     int64    `json:"size"`
	OldSize  int64    `json:"oldSize"`
	NewSize  int64    `json:"newSize"`
	LeafHash []byte   `json:"leafHash"`
	Root     []byte   `json:"root"`
	OldRoot  []byte   `json:"oldRoot"`
	NewRoot  []byte   `json:"newRoot"`
	Proof    [][]byte `json:"proof"`

	// Folder has the tiles and bundles of a published tree.
	Folder string   `json:"folder"`
	Paths  []string `json:"paths"`
}

// checks answer nil when the libraries say what the request says.
var checks = map[string]func(request) error{
	"inclusion":         checkInclusion,
	"consistency":       checkConsistency,
	"new-files":         checkNewFiles,
	"published":         checkPublished,
	"prove-inclusion":   checkProveInclusion,
	"prove-consistency": checkProveConsistency,
}

func main() {
	if err := answer(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func answer(in io.Reader, out io.Writer) error {
	requests := json.NewDecoder(bufio.NewReader(in))
	requests.DisallowUnknownFields()
	answers := bufio.NewWriter(out)
	for {
		var r request
		if err := requests.Decode(&r); errors.Is(err, io.EOF) {
			return answers.Flush()
		} else if err != nil {
			return fmt.Errorf("a request cannot be read: %w", err)
		}
		check, known := checks[r.Check]
		if !known {
			return fmt.Errorf("there is no check %q", r.Check)
		}
		if err := check(r); err != nil {
			fmt.Fprintf(answers, "disagree: %v\n", err)
		} else {
			fmt.Fprintln(answers, "agree")
		}
	}
}
