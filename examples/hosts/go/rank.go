// Ranks from Go through cgo: links libattune.so, scores candidates.
//
//	rank DATABASE NOW_MS CALLS USER ITEM...
//
// First a call that is wrong, to show its error; then CALLS right ones, the
// scores of the last and the median time of a call.
package main

/*
#include "../bridge.h"
*/
import "C"

import (
	"errors"
	"fmt"
	"os"
	"sort"
	"strconv"
	"strings"
	"time"
	"unsafe"
)

// An open database. Safe for use by many goroutines.
type Engine struct{ handle *C.attune_engine }

// text lends a string to C for the time of a call.
func text(s string) C.bridge_text {
	bytes := append([]byte(s), 0)
	return C.bridge_text{data: (*C.char)(unsafe.Pointer(&bytes[0])), size: C.size_t(len(s))}
}

func check(code C.int, message []byte) error {
	if code == C.ATTUNE_OK {
		return nil
	}
	return errors.New(C.GoString((*C.char)(unsafe.Pointer(&message[0]))))
}

// Open opens a database by the JSON of attune_open.
func Open(json string) (*Engine, error) {
	engine, message := &Engine{}, make([]byte, 512)
	code := C.bridge_open(text(json), &engine.handle, (*C.char)(unsafe.Pointer(&message[0])), 512)
	return engine, check(code, message)
}

// RankIDs scores items for a user, in their order.
func (e *Engine) RankIDs(user string, ids []string, model string, nowMs int64) ([]float32, error) {
	lengths, scores := make([]C.size_t, len(ids)+1), make([]float32, len(ids)+1)
	for i, id := range ids {
		lengths[i] = C.size_t(len(id))
	}
	message := make([]byte, 512)
	code := C.bridge_rank_ids(e.handle, text(user), text(strings.Join(ids, "")).data, &lengths[0],
		C.size_t(len(ids)), text(model), C.int64_t(nowMs), (*C.float)(&scores[0]),
		(*C.char)(unsafe.Pointer(&message[0])), 512)
	return scores[:len(ids)], check(code, message)
}

func main() {
	nowMs, _ := strconv.ParseInt(os.Args[2], 10, 64)
	calls, _ := strconv.Atoi(os.Args[3])
	engine, err := Open(fmt.Sprintf(`{"mode": "follower", "database": %q}`, os.Args[1]))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	defer C.attune_close(engine.handle, nil)
	_, err = engine.RankIDs(os.Args[4], os.Args[5:], "no such model", nowMs)
	fmt.Println("error", err)
	var scores []float32
	times := make([]time.Duration, calls)
	for i := range times {
		start := time.Now()
		if scores, err = engine.RankIDs(os.Args[4], os.Args[5:], "", nowMs); err != nil {
			panic(err)
		}
		times[i] = time.Since(start)
	}
	sort.Slice(times, func(i, j int) bool { return times[i] < times[j] })
	for i, score := range scores {
		fmt.Println("score", os.Args[5+i], strconv.FormatFloat(float64(score), 'g', 9, 32))
	}
	fmt.Println("p50_us", float64(times[calls/2].Nanoseconds())/1000)
}
