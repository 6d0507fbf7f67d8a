package cache

import (
	"container/list"
	"sync"
)

// hash is the beginning of a SHA-256.
type hash [16]byte

// pageID names a page.
type pageID struct {
	object  hash // of the key
	version hash // of the object's version and size
	number  int64
}

// A place is a page within its object.
type place struct {
	version hash
	number  int64
}

func (id pageID) place() place { return place{id.version, id.number} }

// index knows which pages are on the disk and which was used last, and which are
// being fetched. It evicts at once and by itself, which a library's cache does when it
// likes, since a page and its file have to go together.
type index struct {
	limit int64 // bytes

	mu struct {
		sync.Mutex
		pages     map[hash]map[place]*list.Element // by key
		used      *list.List                       // of entries, the latest first
		bytes     int64
		fetches   map[pageID]*fetch
		evictions int64
	}
}

// An entry is a page in the list of use.
type entry struct {
	id    pageID
	bytes int64 // of its file
}

func newIndex(limit int64) *index {
	x := &index{limit: limit}
	x.mu.pages, x.mu.used, x.mu.fetches = make(map[hash]map[place]*list.Element), list.New(), make(map[pageID]*fetch)
	return x
}

// add puts a page in front and returns those that have to go for it.
func (x *index) add(id pageID, bytes int64) (evicted []pageID) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.take(id)
	if x.mu.pages[id.object] == nil {
		x.mu.pages[id.object] = make(map[place]*list.Element)
	}
	x.mu.pages[id.object][id.place()] = x.mu.used.PushFront(&entry{id, bytes})
	x.mu.bytes += bytes
	for x.mu.bytes > x.limit {
		oldest := x.mu.used.Back().Value.(*entry).id
		x.take(oldest)
		x.mu.evictions++
		evicted = append(evicted, oldest)
	}
	return evicted
}

// take takes a page out, with the lock held.
func (x *index) take(id pageID) {
	element := x.mu.pages[id.object][id.place()]
	if element == nil {
		return
	}
	x.mu.bytes -= x.mu.used.Remove(element).(*entry).bytes
	delete(x.mu.pages[id.object], id.place())
	if len(x.mu.pages[id.object]) == 0 {
		delete(x.mu.pages, id.object)
	}
}

// remove takes a page out.
func (x *index) remove(id pageID) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.take(id)
}

// removeObject takes all pages of a key out and returns them.
func (x *index) removeObject(object hash) (removed []pageID) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for p := range x.mu.pages[object] {
		removed = append(removed, pageID{object, p.version, p.number})
	}
	for _, id := range removed {
		x.take(id)
	}
	return removed
}

// use reports whether a page is there, and puts it in front. The lock is held.
func (x *index) use(id pageID) bool {
	element := x.mu.pages[id.object][id.place()]
	if element != nil {
		x.mu.used.MoveToFront(element)
	}
	return element != nil
}

// A fetch is a run of pages on its way. data and err are there when done is closed.
type fetch struct {
	owner       *openObject // who makes it
	first, last int64       // pages
	done        chan struct{}
	data        []byte
	err         error
}

// plan finds out where the pages from first to last are: on the disk, on their way for
// another reader, or nowhere. For the latter it returns fetches that the caller has to
// make, a run each, and that are on their way from now on.
func (x *index) plan(o *openObject, first, last int64) (pages, own []*fetch) {
	of := o.of
	pages = make([]*fetch, last-first+1) // nil: on the disk
	x.mu.Lock()
	defer x.mu.Unlock()
	var run *fetch
	for n := first; n <= last; n++ {
		of.number = n
		if x.use(of) {
			run = nil
			continue
		}
		if under := x.mu.fetches[of]; under != nil {
			pages[n-first], run = under, nil
			continue
		}
		if run == nil {
			run = &fetch{owner: o, first: n, done: make(chan struct{})}
			own = append(own, run)
		}
		run.last, pages[n-first], x.mu.fetches[of] = n, run, run
	}
	return pages, own
}

// arrived ends a fetch.
func (x *index) arrived(of pageID, f *fetch) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for n := f.first; n <= f.last; n++ {
		of.number = n
		delete(x.mu.fetches, of)
	}
}

// has reports whether all the pages from first to last are on the disk.
func (x *index) has(of pageID, first, last int64) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	for of.number = first; of.number <= last; of.number++ {
		if x.mu.pages[of.object][of.place()] == nil {
			return false
		}
	}
	return true
}
