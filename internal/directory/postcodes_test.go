package directory_test

import (
	"encoding/csv"
	"fmt"
	"slices"
	"strings"
	"testing"

	"nems/internal/directory"
)

// The columns of NHSPD, which is published without a header, as listed in its
// user guides of 2014, 2017, 2022 and 2024.
var (
	nhspd41 = strings.Fields(`PCD2 PCDS DOINTR DOTERM OSEAST100M OSNRTH100M OSCTY ODSLAUA OSLAUA OSWARD USERTYPE OSGRDIND CTRY OSHLTHAU RGN OLDHA NHSER CCG
		PSED CENED EDIND WARD98 OA01 NHSRLO HRO LSOA01 UR01IND MSOA01 CANNET SCN OSHAPREV OLDPCT OLDHRO PCON CANREG PCT OSEAST1M OSNRTH1M OA11 LSOA11 MSOA11`)
	nhspd43 = append(slices.Clip(nhspd41), "CALNCV", "STP")
	nhspd46 = append(slices.Clip(nhspd43), "SMHPC_AED", "SMHPC_AS", "SMHPC_CT4")
	nhspd49 = append(slices.Clip(nhspd46), "OA21", "LSOA21", "MSOA21")
)

// others are values of the columns that are not read. Some have the same
// length, the same issuer or even the same form as the codes that are read.
var others = map[string]string{
	"DOINTR": "198001", "OSEAST100M": "4300", "OSNRTH100M": "04340", "OSCTY": "E99999999", "ODSLAUA": "213", "OSWARD": "E05001411", "USERTYPE": "0", "OSGRDIND": "1",
	"OSHLTHAU": "Q32", "RGN": "E12000003", "OLDHA": "QDH", "NHSER": "Y63", "PSED": "99ZZ0099", "CENED": "ZZ0099", "EDIND": "9", "WARD98": "00DAFA", "OA01": "00DAFA0001",
	"NHSRLO": "Q72", "HRO": "Y51", "LSOA01": "E01011264", "UR01IND": "5", "MSOA01": "E02002330", "CANNET": "N32", "SCN": "N50", "OSHAPREV": "Q12", "OLDPCT": "5HJ",
	"OLDHRO": "Y01", "PCON": "E14000777", "CANREG": "Y0301", "PCT": "5N1", "OSEAST1M": "430001", "OSNRTH1M": "0434001", "OA11": "E00056750", "LSOA11": "E01011264",
	"MSOA11": "E02002330", "CALNCV": "E56000030", "STP": "QWO", "SMHPC_AED": "A1A1A", "SMHPC_AS": "B2B2B", "SMHPC_CT4": "C3C3C", "OA21": "E00056750",
	"LSOA21": "E01011264", "MSOA21": "E02002330",
}

// place is a postcode in a file.
type place struct{ postcode, subICB, authority, country string }

var (
	leeds = place{"LS17 7DF", "15F", "E08000035", "E92000001"}
	// This code has the form that is used since 2020.
	kirklees = place{"WF14 0BQ", "X2C4Y", "E08000034", "E92000001"}
	aberdeen = place{"AB10 1AA", "012", "S12000033", "S92000003"}
	cardiff  = place{"CF10 1EP", "7A4", "W06000015", "W92000004"}
	belfast  = place{"BT1 1AA", "ZC0", "N09000003", "N92000002"}
	jersey   = place{"JE2 3AB", "", "L99999999", "L93000001"}
)

// row writes a place as one row of NHSPD.
func (p place) row(columns []string) string {
	fields := make([]string, len(columns))
	for i, name := range columns {
		switch name {
		case "PCD2", "PCDS":
			fields[i] = p.postcode
		case "CCG":
			fields[i] = p.subICB
		case "OSLAUA":
			fields[i] = p.authority
		case "CTRY":
			fields[i] = p.country
		default:
			fields[i] = others[name]
		}
	}
	return `"` + strings.Join(fields, `","`) + "\"\r\n"
}

// imported is what the directory stores of the place: outside England there is
// no ICB sub-location, and pseudo codes are not areas.
func (p place) imported() directory.PostcodePlaces {
	if !strings.HasPrefix(p.country, "E") {
		p.subICB = ""
	}
	if strings.HasSuffix(p.authority, "99999999") {
		p.authority = ""
	}
	return directory.PostcodePlaces{Postcode: p.postcode, Places: directory.Places{SubICB: p.subICB, LocalAuthority: p.authority, Country: p.country}}
}

func TestImportNHSPDWithoutHeader(t *testing.T) {
	places := []place{aberdeen, leeds, kirklees, cardiff, belfast, jersey}
	for _, columns := range [][]string{nhspd41, nhspd43, nhspd46, nhspd49, append(slices.Clip(nhspd49), "X1", "X2", "X3")} {
		var text strings.Builder
		var want []directory.PostcodePlaces
		for _, p := range places {
			text.WriteString(p.row(columns))
			want = append(want, p.imported())
		}
		got, summary := load(t, directory.KindPostcodes, text.String())
		if !slices.Equal(got.postcodes, want) || summary.Bad != 0 || summary.Header {
			t.Errorf("%d columns: %+v, %+v", len(columns), got.postcodes, summary)
		}
		found := []directory.Column{{"postcode", 1}, {"sub_icb", 18}, {"local_authority", 9}, {"country", 13}}
		if !slices.Equal(summary.Columns, found) {
			t.Errorf("%d columns: found %v", len(columns), summary.Columns)
		}
		header := strings.Join(columns, ",") + "\n"
		if got, summary := load(t, directory.KindPostcodes, header+text.String()); !slices.Equal(got.postcodes, want) || !summary.Header {
			t.Errorf("%d columns with a header: %+v, %+v", len(columns), got.postcodes, summary)
		}
	}
}

// The file is ordered by postcode, so thousands of Scottish postcodes precede
// the first one that lies in an ICB sub-location.
func TestImportNHSPDBeginsWithAberdeen(t *testing.T) {
	var text strings.Builder
	const scottish = 20_000
	for i := range scottish {
		p := aberdeen
		p.postcode = fmt.Sprintf("AB%d %dA%c", 10+i/1000, i%10, 'A'+rune(i/10%26))
		text.WriteString(p.row(nhspd49))
	}
	text.WriteString(kirklees.row(nhspd49))
	got, summary := load(t, directory.KindPostcodes, text.String())
	if n := len(got.postcodes); n != scottish+1 || got.postcodes[n-1] != kirklees.imported() {
		t.Errorf("%d postcodes, the last %+v, %+v", n, got.postcodes[n-1], summary.Columns)
	}
}

// A file in which the column of ICB sub-locations cannot be found leaves England
// out. Otherwise nobody would notice that English events reach no sub-location.
func TestImportWithoutHeaderOrSubICB(t *testing.T) {
	without := leeds
	without.subICB = ""
	columns := slices.DeleteFunc(slices.Clone(nhspd43), func(name string) bool { return name == "CCG" })
	got, summary := load(t, directory.KindPostcodes, aberdeen.row(columns)+without.row(columns))
	want := []directory.Problem{{2, "sub_icb", "postcodes of England within the first 16 MiB, or a header"}}
	if len(got.postcodes) != 1 || !slices.Equal(summary.Problems, want) {
		t.Errorf("%+v, %+v", got.postcodes, summary.Problems)
	}
}

// A wrong line is reported with the right number in a file without a header too.
func TestImportNHSPDWrongLines(t *testing.T) {
	bad := leeds
	bad.authority = "E080"
	text := leeds.row(nhspd49) + bad.row(nhspd49) + "\"open\r\n" + kirklees.row(nhspd43) + kirklees.row(nhspd49)
	got, summary := load(t, directory.KindPostcodes, text)
	want := []directory.Problem{
		{2, "local_authority", "an ONS code: a letter and eight digits"},
		{3, "", "every quote closed on its line"},
		{4, "", "49 fields, not 43"},
	}
	if len(got.postcodes) != 2 || !slices.Equal(summary.Problems, want) {
		t.Errorf("%+v, %+v", got.postcodes, summary.Problems)
	}
}

func TestImportPostcodesWithHeader(t *testing.T) {
	for name, test := range map[string]struct {
		header, row string
		want        place
		ons         int
	}{
		"our own":        {"postcode,sub_icb,local_authority,country", "ls177df,15F,E08000035,E92000001", leeds, 0},
		"NHSPD, renamed": {"PCD2,PCDS,OSLAUA,CTRY,NHSER,SICB,ICB", "LS17 7DF,LS17 7DF,E08000035,E92000001,Y63,15F,QWO", leeds, 0},
		"ONSPD of 2014": {"pcd,pcd2,pcds,dointr,doterm,oscty,oslaua,osward,usertype,oseast1m,osnrth1m,osgrdind,oshlthau,hro,ctry,gor,streg,pcon,eer,teclec,ttwa,pct,nuts,psed,cened,edind,oshaprev,lea,oldha,wardc91,wardo91,ward98,statsward,oa01,casward,park,lsoa01,msoa01,ur01ind,oac01,oldpct,oa11,lsoa11,msoa11,parish,wz11,ccg",
			"LS177DF,LS17 7DF,LS17 7DF,198001,,E99999999,E08000035,E05001411,0,430001,0434001,1,E18000003,E19000001,E92000001,E12000003,1,E14000777,E15000003,E24000009,E30000234,E16000060,E08000035,99ZZ0099,ZZ0099,9,Q12,DA,QDH,00DAFA,00DAFA,00DAFA,99ZZ00,E00056750,99ZZ99,E99999999,E01011264,E02002330,5,7A2,X99,E00056750,E01011264,E02002330,E99999999,E33000001,E38000225",
			place{"LS17 7DF", "E38000225", "E08000035", "E92000001"}, 1},
		"NSPL of 2023": {"pcd,pcd2,pcds,dointr,doterm,usertype,oseast1m,osnrth1m,osgrdind,oa21,cty,ced,laua,ward,nhser,ctry,rgn,pcon,ttwa,itl,park,lsoa21,msoa21,wz11,sicbl,bua22",
			"LS177DF,LS17 7DF,LS17 7DF,198001,,0,430001,0434001,1,E00056750,E99999999,E99999999,E08000035,E05001411,E40000012,E92000001,E12000003,E14000777,E30000234,E08000035,E99999999,E01011264,E02002330,E33000001,E38000225,E63000001",
			place{"LS17 7DF", "E38000225", "E08000035", "E92000001"}, 1},
		"ONSPD of 2025": {"pcd7,pcd8,pcds,dointr,doterm,cty25cd,ced25cd,lad25cd,wd25cd,parncp25cd,usrtypind,nhser24cd,ctry25cd,rgn25cd,pcon24cd,itl25cd,sicbl24cd,icb23cd",
			"LS177DF,LS17 7DF,LS17 7DF,198001,,E99999999,E99999999,E08000035,E05001411,E43000000,0,E40000012,E92000001,E12000003,E14001285,E06000057,E38000225,E54000054",
			place{"LS17 7DF", "E38000225", "E08000035", "E92000001"}, 1},
		"the ODS's codes beside":   {"pcds,lad25cd,ctry25cd,sicbl24cd,SICBL24CDH", "LS17 7DF,E08000035,E92000001,E38000225,15F", leeds, 0},
		"look-up of census areas":  {"pcd7,pcd8,pcds,dointr,doterm,usertype,oa11cd,lsoa11cd,msoa11cd,ladcd", "LS177DF,LS17 7DF,LS17 7DF,198001,,0,E00056750,E01011264,E02002330,E08000035", place{"LS17 7DF", "", "E08000035", ""}, 0},
		"Wales":                    {"pcds,oslaua,ctry,ccg", "CF10 1EP,W06000015,W92000004,7A4", place{"CF10 1EP", "", "W06000015", "W92000004"}, 0},
		"Jersey's pseudo codes":    {"pcds,lad25cd,ctry25cd,sicbl24cd", "JE2 3AB,L99999999,L93000001,L99999999", place{"JE2 3AB", "", "", "L93000001"}, 0},
		"England's pseudo codes":   {"pcds,lad25cd,ctry25cd,sicbl24cd", "JE2 3AB,E99999999,E92000001,E99999999", place{"JE2 3AB", "", "", "E92000001"}, 0},
		"only the postcode":        {"pcds", "JE2 3AB", place{postcode: "JE2 3AB"}, 0},
		"a column that is shunned": {"pcds,ccg,sicbl", "LS17 7DF,15F,02V", place{"LS17 7DF", "02V", "", ""}, 0},
	} {
		got, summary := load(t, directory.KindPostcodes, test.header+"\n"+test.row+"\n")
		want := directory.PostcodePlaces{Postcode: test.want.postcode, Places: directory.Places{SubICB: test.want.subICB, LocalAuthority: test.want.authority, Country: test.want.country}}
		if len(got.postcodes) != 1 || got.postcodes[0] != want || summary.ONSCodes != test.ons || summary.Bad != 0 || !summary.Header {
			t.Errorf("%s: %+v, %+v", name, got.postcodes, summary)
		}
		if r := csv.NewReader(strings.NewReader(test.header + "\n" + test.row)); must(r.ReadAll()) == nil {
			t.Errorf("%s: header and row differ", name)
		}
	}
}

func must(rows [][]string, err error) [][]string {
	if err != nil {
		return nil
	}
	return rows
}

// A file that is not a file of postcodes is refused, not guessed at.
func TestImportNoPostcodes(t *testing.T) {
	for name, text := range map[string]string{
		"patients":      "9990000026,DAWKINS\n9990000034,SMITH\n",
		"organisations": epraccur("B86056", "A SURGERY", "ACTIVE", "15F", "RO76"),
		"few postcodes": "LS17 7DF,a\nb,c\nd,e\n",
	} {
		s := &recordingSink{}
		if _, err := directory.Import(t.Context(), directory.KindPostcodes, strings.NewReader(text), s, nil); err == nil || len(s.postcodes) > 0 {
			t.Errorf("%s: %v, %v", name, err, s.postcodes)
		}
	}
}
