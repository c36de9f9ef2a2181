package fhir

// places holds what is needed to find the position of any element at a cost that
// does not grow with the document. It is computed in one pass, once a document was
// asked more than a few times. Most documents are never asked, and a few questions
// cost less without it.
type places struct {
	marks     []locator // one every markEvery bytes
	namesakes []uint32  // for each element, the number of siblings with its name before it
}

// fewPlaces is how often a document is asked before places is computed. A finding
// asks about ten times: for the position, and for each level of its paths.
const fewPlaces = 40

// few counts a question, and reports whether searching is still cheaper than computing places.
func (d *Document) few() bool { return d.asked.Add(1) <= fewPlaces }

// markEvery is how many bytes at most are counted for one position.
const markEvery = 2048

func (d *Document) whereabouts() *places {
	d.placesOnce.Do(func() { d.places = places{d.marks(), d.countNamesakes()} })
	return &d.places
}

func (d *Document) marks() []locator {
	at := newLocator(d.src)
	marks := make([]locator, 0, len(d.src)/markEvery+1)
	for offset := 0; offset <= len(d.src); offset += markEvery {
		at.position(offset)
		marks = append(marks, *at)
	}
	return marks
}

// position returns the line and the column (in characters) of an offset.
func (d *Document) position(offset int) (line, column int) {
	if d.few() {
		return position(d.src, offset)
	}
	at := d.whereabouts().marks[offset/markEvery]
	return at.position(offset)
}

// namesakesBefore counts the earlier siblings of an element that have its name.
func (d *Document) namesakesBefore(index uint32) int {
	if !d.few() {
		return int(d.whereabouts().namesakes[index])
	}
	n, before := Node{d, index}, 0
	name := n.Name()
	for i := d.nodes[index].parent + 1; i < index; i = d.nodes[i].next {
		count(1)
		if (Node{d, i}).Name() == name {
			before++
		}
	}
	return before
}

// countNamesakes counts them for all elements at once.
func (d *Document) countNamesakes() []uint32 {
	count(len(d.nodes))
	before := make([]uint32, len(d.nodes))
	known := make([]uint32, len(d.facts.names))
	for parent := range d.nodes {
		first, end := uint32(parent)+1, d.nodes[parent].next
		var others map[string]*uint32 // counts of names that STU3 does not have
		for i := first; i < end; i = d.nodes[i].next {
			if id := d.nodes[i].name; id != 0 {
				before[i] = known[id]
				known[id]++
				continue
			}
			if others == nil {
				others = map[string]*uint32{}
			}
			name := sourceName(d.src[d.nodes[i].start:])
			seen := others[string(name)]
			if seen == nil {
				seen = new(uint32)
				others[string(name)] = seen
			}
			before[i] = *seen
			*seen++
		}
		for i := first; i < end; i = d.nodes[i].next {
			known[d.nodes[i].name] = 0
		}
	}
	return before
}
