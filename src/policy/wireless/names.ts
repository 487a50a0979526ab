/** Names that the set-up gives; they are fixed, so that it finds again what it made. */

/** Of the quarantine's sections, its network, its zone and its pool; LuCI takes 11 characters for a zone. */
export const QUARANTINE = "homeca_q";
export const QUARANTINE_BRIDGE = "br-homeca-q";
/** Behind the BSS's own device and a dash: at most 15 characters together. */
export const QUARANTINE_VLAN_NAME = "q";

/** Of a radio's network, and of its quarantine. */
export const sectionOf = (radio: string): string => `homeca_${radio}`;
export const vlanSectionOf = (radio: string): string => `${QUARANTINE}_${radio}`;
