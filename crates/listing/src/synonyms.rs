//! The default schema: what exports call the columns of a listing.
//!
//! Names are compared by [`crate::name::compact`], so one entry stands for all spellings. Of several
//! columns that may be one known column, the first in the order of this table is taken. Sources: the
//! RESO Data Dictionary 2.0, the exports of Realtor, Redfin and Zillow, HomeHarvest, the Ames and King
//! County files, Melbourne housing, California housing, idealista, Fotocasa and other Spanish portals.

use crate::unit::Unit;

/// One name of a known column.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Synonym {
    /// Letters and digits, in lower case.
    pub name: &'static str,
    /// The unit that the name implies beyond its words.
    pub unit: Option<Unit>,
}

const fn is(name: &'static str) -> Synonym {
    Synonym { name, unit: None }
}

const fn in_unit(name: &'static str, unit: Unit) -> Synonym {
    Synonym {
        name,
        unit: Some(unit),
    }
}

/// Columns whose name may be that of an id of the property; the column is stored under the first name.
pub const PARCEL: &str = "parcel_number";
pub const LISTING_ID: &str = "listing_id";
pub const PROPERTY_ID: &str = "property_id";
pub const UNIT: &str = "unit";

/// Columns that may name a property or only a row.
pub const IDS: [&str; 3] = ["id", "homeid", "houseid"];

/// What is known, with its names in the order of preference.
pub const NAMES: [(&str, &[Synonym]); 16] = [
    (
        "price",
        &[
            is("price"),
            is("soldprice"),
            is("saleprice"),
            is("sellingprice"),
            is("sellprice"),
            is("closeprice"),
            is("closedprice"),
            is("lastsoldprice"),
            is("lastsaleprice"),
            is("pricepaid"),
            is("transactionprice"),
            is("salesprice"),
            is("purchaseprice"),
            is("precioventa"),
            is("preciodeventa"),
            is("preciocierre"),
            is("precio"),
            is("valorventa"),
            is("valordeventa"),
            is("listprice"),
            is("listingprice"),
            is("currentprice"),
            is("askingprice"),
            is("homeprice"),
            is("houseprice"),
            is("unformattedprice"),
            is("priceusd"),
            is("priceeur"),
            is("pricecop"),
            is("preciocop"),
            is("precioeur"),
            is("precioeuros"),
            is("preciopesos"),
            in_unit("pricek", Unit::Thousands),
            in_unit("pricethousands", Unit::Thousands),
            in_unit("priceinthousands", Unit::Thousands),
            in_unit("preciomiles", Unit::Thousands),
            is("preco"),
            is("prix"),
            is("preis"),
            is("prezzo"),
            is("valor"),
            is("medianhousevalue"),
            is("medv"),
        ],
    ),
    (
        "bed",
        &[
            is("bed"),
            is("beds"),
            is("bedrooms"),
            is("bedroom"),
            is("bedroomstotal"),
            is("numbedrooms"),
            is("nbedrooms"),
            is("bedroomabvgr"),
            is("numberofbedrooms"),
            is("habitaciones"),
            is("dormitorios"),
            is("alcobas"),
            is("recamaras"),
            is("cuartos"),
            is("quartos"),
            is("chambres"),
            is("rooms"),
            is("numrooms"),
        ],
    ),
    (
        "bath",
        &[
            is("bath"),
            is("baths"),
            is("bathrooms"),
            is("bathroom"),
            is("bathroomstotaldecimal"),
            is("bathroomstotalinteger"),
            is("bathroomstotal"),
            is("totalbaths"),
            is("totalbathrooms"),
            is("numbathrooms"),
            is("numberofbathrooms"),
            is("banos"),
            is("banheiros"),
        ],
    ),
    (
        "house_size",
        &[
            is("housesize"),
            is("livingarea"),
            is("livingareasqft"),
            is("livingareavalue"),
            is("sqftliving"),
            in_unit("sqft", Unit::Ft2),
            in_unit("squarefeet", Unit::Ft2),
            in_unit("squarefootage", Unit::Ft2),
            in_unit("buildingsqft", Unit::Ft2),
            in_unit("finishedsqft", Unit::Ft2),
            in_unit("totalsqft", Unit::Ft2),
            in_unit("grlivarea", Unit::Ft2),
            is("sizesqft"),
            in_unit("buildingarea", Unit::M2),
            is("buildingareatotal"),
            is("buildingsize"),
            is("floorarea"),
            in_unit("superficie", Unit::M2),
            in_unit("superficiem2", Unit::M2),
            in_unit("superficieconstruida", Unit::M2),
            in_unit("superficietotal", Unit::M2),
            in_unit("superficieutil", Unit::M2),
            in_unit("metros", Unit::M2),
            in_unit("metroscuadrados", Unit::M2),
            in_unit("m2", Unit::M2),
            in_unit("sqm", Unit::M2),
            in_unit("areaconstruida", Unit::M2),
            in_unit("areaprivada", Unit::M2),
            in_unit("aream2", Unit::M2),
            in_unit("areasqm", Unit::M2),
            in_unit("constructedarea", Unit::M2),
            is("size"),
            is("area"),
        ],
    ),
    (
        "acre_lot",
        &[
            in_unit("acrelot", Unit::Acres),
            in_unit("lotsizeacres", Unit::Acres),
            in_unit("lotacres", Unit::Acres),
            in_unit("acres", Unit::Acres),
            in_unit("acreage", Unit::Acres),
            in_unit("lotsizesquarefeet", Unit::Ft2),
            in_unit("lotsqft", Unit::Ft2),
            in_unit("sqftlot", Unit::Ft2),
            in_unit("lotsizesqft", Unit::Ft2),
            in_unit("lotareasqft", Unit::Ft2),
            in_unit("landsqft", Unit::Ft2),
            in_unit("landsize", Unit::M2),
            in_unit("lotm2", Unit::M2),
            in_unit("lotsizem2", Unit::M2),
            in_unit("lotsizesqm", Unit::M2),
            in_unit("areaterreno", Unit::M2),
            in_unit("superficieparcela", Unit::M2),
            in_unit("superficieterreno", Unit::M2),
            in_unit("plotsize", Unit::M2),
            is("lotarea"),
            is("lotsize"),
            is("lotsizearea"),
            is("lotareavalue"),
            is("landarea"),
            is("lot"),
        ],
    ),
    (
        "street",
        &[
            is("street"),
            is("streetaddress"),
            is("address"),
            is("unparsedaddress"),
            is("fulladdress"),
            is("fullstreetline"),
            is("formattedaddress"),
            is("propertyaddress"),
            is("siteaddress"),
            is("addressline1"),
            is("addressstreet"),
            is("streetname"),
            is("direccion"),
            is("calle"),
            is("domicilio"),
            is("endereco"),
            is("adresse"),
        ],
    ),
    (
        UNIT,
        &[
            is("unit"),
            is("unitnumber"),
            is("apartment"),
            is("apt"),
            is("aptnumber"),
            is("saon"),
        ],
    ),
    (
        "city",
        &[
            is("city"),
            is("town"),
            is("towncity"),
            is("municipality"),
            is("municipio"),
            is("ciudad"),
            is("cidade"),
            is("localidad"),
            is("locality"),
            is("postalcity"),
            is("addresscity"),
            is("suburb"),
            is("ville"),
            is("poblacion"),
        ],
    ),
    (
        "state",
        &[
            is("state"),
            is("stateorprovince"),
            is("stateprovince"),
            is("statecode"),
            is("statename"),
            is("addressstate"),
            is("province"),
            is("provincia"),
            is("departamento"),
            is("region"),
            is("regionname"),
            is("county"),
        ],
    ),
    (
        "zip_code",
        &[
            is("zipcode"),
            is("zip"),
            is("zip5"),
            is("postalcode"),
            is("postcode"),
            is("ziporpostalcode"),
            is("addresszipcode"),
            is("codigopostal"),
            is("cp"),
            is("cep"),
            is("plz"),
        ],
    ),
    (
        "status",
        &[
            is("status"),
            is("standardstatus"),
            is("listingstatus"),
            is("mlsstatus"),
            is("homestatus"),
            is("statustype"),
        ],
    ),
    (
        "brokered_by",
        &[
            is("brokeredby"),
            is("broker"),
            is("brokername"),
            is("listofficename"),
            is("listofficemlsid"),
            is("officename"),
            is("sellerg"),
            is("agencia"),
            is("inmobiliaria"),
        ],
    ),
    (
        crate::columns::PREV_SOLD_DATE,
        &[
            is("prevsolddate"),
            is("solddate"),
            is("lastsolddate"),
            is("lastsaledate"),
            is("saledate"),
            is("salesdate"),
            is("closedate"),
            is("closingdate"),
            is("dateoftransfer"),
            is("transactiondate"),
            is("datesold"),
            is("fechaventa"),
            is("fechadeventa"),
            is("date"),
            is("fecha"),
        ],
    ),
    (
        PARCEL,
        &[
            is("parcelnumber"),
            is("parcelid"),
            is("parcel"),
            is("apn"),
            is("pin"),
            is("pid"),
            is("taxparcelid"),
            is("referenciacatastral"),
            is("matriculainmobiliaria"),
        ],
    ),
    (
        LISTING_ID,
        &[
            is("listingid"),
            is("listingkey"),
            is("mlsnumber"),
            is("mlsid"),
            is("mls"),
            is("zpid"),
            is("propertycode"),
            is("idanuncio"),
        ],
    ),
    (PROPERTY_ID, &[is("propertyid")]),
];

/// Names of what a price is made up from, or a price of the same home: never a feature.
pub const PRICE_WORDS: [&str; 10] = [
    "price", "prices", "precio", "precios", "preco", "prix", "preis", "prezzo", "priced", "ppsf",
];

/// Names of full, three-quarter and half bathrooms with how much of a bathroom each is.
pub const BATH_PARTS: [(&str, f64); 9] = [
    ("fullbaths", 1.0),
    ("fullbath", 1.0),
    ("bathroomsfull", 1.0),
    ("bathsfull", 1.0),
    ("halfbaths", 0.5),
    ("halfbath", 0.5),
    ("bathroomshalf", 0.5),
    ("bathshalf", 0.5),
    ("bathroomsthreequarter", 0.75),
];

/// Names of the parts of a street address, in the order in which they are joined.
pub const STREET_PARTS: [&[&str]; 5] = [
    &[
        "paon",
        "streetnumber",
        "streetnumbernumeric",
        "housenumber",
        "numero",
    ],
    &["streetdirprefix", "streetdirection"],
    &["streetname", "street", "calle"],
    &["streetsuffix", "streettype"],
    &["streetdirsuffix"],
];

/// The place of the street's name in [`STREET_PARTS`].
pub const STREET_NAME: usize = 2;

/// Names of a year and a month of sale, where there is no date.
pub const YEARS: [&str; 4] = ["yrsold", "yearsold", "soldyear", "saleyear"];
pub const MONTHS: [&str; 4] = ["mosold", "monthsold", "soldmonth", "salemonth"];

/// Names of what identifies a row or names a place by number.
pub const IDENTIFIERS: [&str; 14] = [
    "id",
    "index",
    "rowid",
    "rownumber",
    "row",
    "order",
    "unnamed0",
    "uuid",
    "guid",
    "transactionid",
    "transactionuniqueidentifier",
    "url",
    "propertyurl",
    "detailurl",
];

/// Names of the time of the reading, beside those that [`crate::reading`] composes of words.
pub const READING_TIMES: [&str; 28] = [
    "asof",
    "asofdate",
    "batchdate",
    "collectedat",
    "crawldate",
    "crawledat",
    "crawltime",
    "createdat",
    "downloadedat",
    "etldate",
    "exportedat",
    "extractedat",
    "fetchedat",
    "filedate",
    "ingestedat",
    "lastmodified",
    "lastseen",
    "lastupdated",
    "loadedat",
    "modificationtimestamp",
    "modifiedat",
    "retrievedat",
    "rundate",
    "scrapedat",
    "scrapedate",
    "timestamp",
    "ts",
    "updatedat",
];

/// The known column of this name, how far down its list the name stands, and the unit it implies.
pub fn find(compact: &str) -> Option<(&'static str, usize, Option<Unit>)> {
    NAMES.iter().find_map(|(column, names)| {
        let place = names.iter().position(|synonym| synonym.name == compact)?;
        Some((
            *column,
            place,
            names.get(place).and_then(|synonym| synonym.unit),
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::compact;

    #[test]
    fn names_are_compact_and_of_one_column() {
        let mut seen = std::collections::HashMap::new();
        for (column, names) in NAMES {
            for synonym in names {
                assert_eq!(compact(synonym.name), synonym.name);
                if let Some(other) = seen.insert(synonym.name, column) {
                    assert_eq!(other, column, "{}", synonym.name);
                }
            }
            assert_eq!(find(&compact(column)).unwrap().0, column);
        }
    }
}
