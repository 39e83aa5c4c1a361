/** Words that say whether a full stop ends a sentence, as in `sparktts_onnx.text`. */

export const NEVER_LAST = new Set("Approx|Capt|Cmdr|Col|Cpl|Dr|Ft|Gen|Gov|Hon|Lt|Maj|Mr|Mrs|Ms|Mt|Pres|Prof|Rep|Rev|Sen|Sgt|Supt|a.k.a|approx|cf|e.g|esp|i.e|incl|viz|vs".split("|"));
export const NUMBERED = new Set("Apr|Apt|Art|Aug|Bk|Bldg|Ca|Cat|Ch|Chap|Dec|Eq|Ext|Feb|Fig|Figs|Jan|Jul|Jun|Mar|No|Nos|Nov|Oct|Para|Pt|Rm|Rte|Sec|Sep|Sept|Ste|Tab|Vol|arr|art|ca|ch|dep|dtd|eq|ext|fig|figs|p|para|paras|pp|pt|rm|sec|secs|vol".split("|"));
export const SELDOM_LAST = new Set("Assn|Assoc|Ave|Blvd|Bros|Co|Corp|Dept|Govt|Hwy|Inc|Jr|Ln|Ltd|Ph.D|Pkwy|Rd|Sr|St|appt|dept|et al|govt".split("|"));
export const SENTENCE_STARTERS = new Set("after|an|and|as|at|before|but|for|he|her|his|how|if|in|it|my|no|now|on|our|she|since|so|that|the|their|then|there|these|they|this|those|to|we|what|when|while|why|yes|you".split("|"));
export const CONJUNCTIONS = new Set("although|and|because|but|however|if|or|since|so|than|though|unless|until|when|where|whereas|which|while|who|whose".split("|"));
export const CHINESE_CONJUNCTIONS = new Set("不过|于是|以及|但是|即使|只有|只要|可是|同时|因为|因此|如果|尽管|并且|或者|所以|然后|由于|而且|虽然".split("|"));
export const BEFORE_AMOUNTS = new Set("a|about|an|are|at|be|been|by|chapter|figure|for|from|had|has|have|in|is|item|level|no|number|of|on|only|over|page|part|question|room|section|step|table|than|the|to|type|under|version|volume|was|were|with".split("|"));
