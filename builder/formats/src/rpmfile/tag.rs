//! Tag numbers of RPM headers. Source: rpm 4.11, `lib/rpmtag.h`.

#![expect(missing_docs, reason = "the names are rpm's own")]

/// Tags of the signature header.
pub mod signature {
    pub const REGION: u32 = 62;
    pub const DSA_HEADER: u32 = 267;
    pub const RSA_HEADER: u32 = 268;
    pub const SHA1_HEADER: u32 = 269;
    pub const LONG_SIZE: u32 = 270;
    pub const SHA256_HEADER: u32 = 273;
    /// rpm 6: base64 texts of signatures of the header.
    pub const OPENPGP: u32 = 278;
    pub const SHA3_256_HEADER: u32 = 279;
    pub const SIZE: u32 = 1000;
    pub const PGP: u32 = 1002;
    pub const MD5: u32 = 1004;
    pub const GPG: u32 = 1005;
    pub const PAYLOAD_SIZE: u32 = 1007;
}

pub const REGION: u32 = 63;
pub const I18N_TABLE: u32 = 100;
pub const NAME: u32 = 1000;
pub const VERSION: u32 = 1001;
pub const RELEASE: u32 = 1002;
pub const EPOCH: u32 = 1003;
pub const SUMMARY: u32 = 1004;
pub const DESCRIPTION: u32 = 1005;
pub const BUILD_TIME: u32 = 1006;
pub const BUILD_HOST: u32 = 1007;
pub const SIZE: u32 = 1009;
pub const VENDOR: u32 = 1011;
pub const LICENSE: u32 = 1014;
pub const PACKAGER: u32 = 1015;
pub const GROUP: u32 = 1016;
pub const URL: u32 = 1020;
pub const OS: u32 = 1021;
pub const ARCH: u32 = 1022;
pub const PRE: u32 = 1023;
pub const POST: u32 = 1024;
pub const PREUN: u32 = 1025;
pub const POSTUN: u32 = 1026;
pub const FILE_SIZES: u32 = 1028;
pub const FILE_MODES: u32 = 1030;
pub const FILE_RDEVS: u32 = 1033;
pub const FILE_MTIMES: u32 = 1034;
pub const FILE_DIGESTS: u32 = 1035;
pub const FILE_LINKS: u32 = 1036;
pub const FILE_FLAGS: u32 = 1037;
pub const FILE_USERS: u32 = 1039;
pub const FILE_GROUPS: u32 = 1040;
pub const SOURCE_RPM: u32 = 1044;
pub const FILE_VERIFY: u32 = 1045;
pub const RPM_VERSION: u32 = 1064;
pub const TRIGGER_SCRIPTS: u32 = 1065;
pub const TRIGGER_INDEX: u32 = 1069;
pub const VERIFY_SCRIPT: u32 = 1079;
pub const PRE_PROGRAM: u32 = 1085;
pub const POST_PROGRAM: u32 = 1086;
pub const PREUN_PROGRAM: u32 = 1087;
pub const POSTUN_PROGRAM: u32 = 1088;
pub const VERIFY_PROGRAM: u32 = 1091;
pub const TRIGGER_PROGRAMS: u32 = 1092;
pub const FILE_DEVICES: u32 = 1095;
pub const FILE_INODES: u32 = 1096;
pub const FILE_LANGS: u32 = 1097;
pub const PREFIXES: u32 = 1098;
pub const DIR_INDEXES: u32 = 1116;
pub const BASE_NAMES: u32 = 1117;
pub const DIR_NAMES: u32 = 1118;
pub const PAYLOAD_FORMAT: u32 = 1124;
pub const PAYLOAD_COMPRESSOR: u32 = 1125;
pub const PAYLOAD_FLAGS: u32 = 1126;
pub const FILE_COLORS: u32 = 1140;
pub const FILE_DEPENDS_FIRST: u32 = 1143;
pub const FILE_DEPENDS_COUNT: u32 = 1144;
pub const DEPENDS_DICTIONARY: u32 = 1145;
pub const PRETRANS: u32 = 1151;
pub const POSTTRANS: u32 = 1152;
pub const PRETRANS_PROGRAM: u32 = 1153;
pub const POSTTRANS_PROGRAM: u32 = 1154;
pub const LONG_FILE_SIZES: u32 = 5008;
pub const LONG_SIZE: u32 = 5009;
pub const FILE_CAPS: u32 = 5010;
pub const FILE_DIGEST_ALGORITHM: u32 = 5011;
pub const ENCODING: u32 = 5062;
pub const PAYLOAD_DIGEST: u32 = 5092;
pub const PAYLOAD_DIGEST_ALGORITHM: u32 = 5093;
/// Of the uncompressed payload.
pub const ARCHIVE_DIGEST: u32 = 5097;

// Names, flags and versions of dependencies.
pub const PROVIDES: [u32; 3] = [1047, 1112, 1113];
pub const REQUIRES: [u32; 3] = [1049, 1048, 1050];
pub const CONFLICTS: [u32; 3] = [1054, 1053, 1055];
pub const OBSOLETES: [u32; 3] = [1090, 1114, 1115];
pub const TRIGGERS: [u32; 3] = [1066, 1068, 1067];
pub const RECOMMENDS: [u32; 3] = [5046, 5048, 5047];
