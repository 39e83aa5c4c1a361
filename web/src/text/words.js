/** Words that say whether a full stop ends a sentence, as in `sparktts_onnx.text`. */

export const NEVER_LAST = new Set("Capt|Col|Dr|Gen|Gov|Hon|Lt|Mr|Mrs|Ms|Mt|Pres|Prof|Rep|Rev|Sen|Sgt|a.k.a|approx|cf|e.g|esp|i.e|incl|viz|vs".split("|"));
export const NUMBERED = new Set("Apr|Apt|Art|Aug|Ch|Dec|Eq|Feb|Fig|Jan|Jul|Jun|Mar|No|Nos|Nov|Oct|Sec|Sep|Sept|Vol|art|ch|ext|fig|p|pp|vol".split("|"));
export const SELDOM_LAST = new Set("Ave|Blvd|Bros|Co|Corp|Dept|Inc|Jr|Ltd|Ph.D|Rd|Sr|St|dept|et al".split("|"));
export const SENTENCE_STARTERS = new Set("after|an|and|as|at|before|but|for|he|her|his|how|if|in|it|my|no|now|on|our|she|since|so|that|the|their|then|there|these|they|this|those|to|we|what|when|while|why|yes|you".split("|"));
export const CONJUNCTIONS = new Set("although|and|because|but|however|if|or|since|so|than|though|unless|until|when|where|whereas|which|while|who|whose".split("|"));
export const CHINESE_CONJUNCTIONS = new Set("不过|于是|以及|但是|即使|只有|只要|可是|同时|因为|因此|如果|尽管|并且|或者|所以|然后|由于|而且|虽然".split("|"));
export const BEFORE_AMOUNTS = new Set("a|about|an|are|at|be|been|by|chapter|figure|for|from|had|has|have|in|is|item|level|no|number|of|on|only|over|page|part|question|room|section|step|table|than|the|to|type|under|version|volume|was|were|with".split("|"));
