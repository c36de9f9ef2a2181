package readable

var (
	Age   = age
	Words = words
)
