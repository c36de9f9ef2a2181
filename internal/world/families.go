package world

import "time"

// member is somebody in a household that is being invented.
type member struct {
	given  []string
	family string
	gender string
	born   time.Time
	mother int  // her place among the members, from 1; 0: not in the household
	apart  bool // lives there without being family
}

// The kinds of households, of a thousand. Together with the ages below they come near
// to the sizes of households (ONS, Families and households in the UK 2023) and to
// the ages of people (ONS, Population estimates for the UK, mid-2023: 17 % under 15,
// 19 % of 65 and over).
var kinds = []struct {
	share  int
	invent func(*inventor) []member
}{
	{300, (*inventor).alone},
	{312, (*inventor).couple},
	{255, func(i *inventor) []member { return i.parents(true) }},
	{98, func(i *inventor) []member { return i.parents(false) }},
	{32, (*inventor).shared},
	{3, (*inventor).careHome},
}

// members invents who lives in a household, parents before their children.
func (i *inventor) members() []member {
	weights := make([]int, len(kinds))
	for at, k := range kinds {
		weights[at] = k.share
	}
	return kinds[i.weighted(weights...)].invent(i)
}

// somebody invents a person of an age in years.
func (i *inventor) somebody(c community, gender, family string, age int) member {
	born := i.day.AddDate(-age, 0, -i.intn(365))
	return member{given: i.namer.given(c, gender, born.Year()), family: family, gender: gender, born: born}
}

func (i *inventor) gender() string {
	if i.percent(51) {
		return female
	}
	return male
}

// adultAge draws from the ages of those who live without children.
func (i *inventor) adultAge() int {
	switch i.weighted(15, 24, 46, 15) {
	case 0:
		return i.between(22, 34)
	case 1:
		return i.between(35, 54)
	case 2:
		return i.between(55, 78)
	}
	return i.between(74, 92)
}

func (i *inventor) alone() []member {
	c := i.namer.community()
	return []member{i.somebody(c, i.gender(), pick(i.random, c.Family), i.adultAge())}
}

// couple invents two people without children, married or not, seldom of one gender.
func (i *inventor) couple() []member {
	c := i.namer.community()
	age := i.adultAge()
	her, his := female, male
	if i.percent(4) {
		her = his
	}
	a := i.somebody(c, his, pick(i.random, c.Family), age)
	b := i.somebody(c, her, a.family, max(18, age-i.between(-3, 6)))
	i.ownName(c, &b, age)
	return []member{a, b}
}

// ownName gives a partner another family name, more often in younger couples, or a
// double one.
func (i *inventor) ownName(c community, m *member, age int) {
	switch other := pick(i.random, c.Family); {
	case i.percent(max(5, 70-age)):
		m.family = other
	case i.percent(4):
		m.family = double(m.family, other)
	}
}

// parents invents one or two parents with their children.
func (i *inventor) parents(two bool) (out []member) {
	c := i.namer.community()
	age := i.between(23, 56)
	mother := i.somebody(c, female, pick(i.random, c.Family), age)
	family := mother.family
	out = append(out, mother)
	if two {
		father := i.somebody(c, male, family, age+i.between(-2, 7))
		i.ownName(c, &out[0], age)
		out = append(out, father)
		if out[0].family != family && i.percent(25) {
			family = double(out[0].family, family)
		}
	} else if i.percent(13) { // a father alone
		out[0] = i.somebody(c, male, family, age)
	}
	return append(out, i.children(c, out[0], family, age)...)
}

// children invents the children of a parent of an age, the eldest first.
func (i *inventor) children(c community, parent member, family string, age int) (out []member) {
	with := 0
	if parent.gender == female {
		with = 1
	}
	eldest := i.between(max(0, age-40), max(0, min(age-18, 20)))
	for n, at := 1+i.weighted(40, 41, 14, 5), eldest; n > 0 && at >= max(0, age-42); n-- {
		child := i.somebody(c, i.gender(), family, at)
		child.mother = with
		out = append(out, child)
		if n > 1 && i.percent(2) { // twins
			twin := i.somebody(c, i.gender(), family, at)
			twin.born, twin.mother = child.born, with
			out, n = append(out, twin), n-1
		}
		at -= i.between(2, 4)
	}
	return out
}

// shared invents students and others who share a house.
func (i *inventor) shared() (out []member) {
	for range i.between(3, 5) {
		c := i.namer.community()
		m := i.somebody(c, i.gender(), pick(i.random, c.Family), i.between(18, 29))
		m.apart = true
		out = append(out, m)
	}
	return out
}

// careHome invents a home for the old.
func (i *inventor) careHome() (out []member) {
	for range i.between(5, 9) {
		c := i.namer.community()
		m := i.somebody(c, i.gender(), pick(i.random, c.Family), i.between(76, 98))
		m.apart = true
		out = append(out, m)
	}
	return out
}
