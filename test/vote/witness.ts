/**
 * Witnesses: for a rule and a criterion that it is known to fail an election in which it does. Found by a search over small
 * elections and committed, so that the table of the guide is shown and not only said.
 */
import type { CriterionName } from './criterion.ts'

export interface Witness {
  readonly rule: string
  readonly fails: CriterionName
  readonly candidates: string
  readonly ballots: readonly (readonly [weight: number, ranking: string])[]
  /** Which of the changes that the criterion allows. */
  readonly choice: number
}

/** Rule, criterion, candidates, ballots with their weights, choice. */
const table = `
baldwin | clones | A B C | 1: B > C > A; 1: A > B > C; 1: C > A > B | 257530
baldwin | monotonicity | A B C | 4: B > C > A; 9: B > A > C; 6: A > B > C; 12: C > A > B | 144197
baldwin | participation | A B C D | 10: B > C > D > A; 9: C > A > D > B; 12: A > D > B > C | 186521
baldwin | reinforcement | A B C | 1: C > A > B; 1: A > B > C; 1: B > C > A; 1: A > C > B | 552272
baldwin | reversal-symmetry | A B C | 1: C > A > B; 3: B > C > A; 3: A > B > C | 874536
borda | clones | A B C | 1: B > A > C; 1: C > A > B | 607247
borda | condorcet | A B C | 4: B > A > C; 6: C > B > A | 892333
borda | majority | A B C | 1: A > C > B; 2: B > A > C | 167853
borda | mutual-majority | A B C | 2: A > C > B; 1: C > B > A | 779174
borda | smith | A B C | 2: A > B > C; 3: C > A > B | 291661
bucklin | clones | A B C | 1: C > A > B; 1: A > B > C | 671684
bucklin | condorcet | A B C | 11: A > B > C; 3: C > A > B; 6: B > A > C; 7: C > B > A | 840985
bucklin | condorcet-loser | A B C | 2: C > B > A; 1: A > C > B; 2: A > B > C; 1: C > A > B | 563567
bucklin | participation | A B C | 5: A > C > B; 6: B > A > C; 4: C > B > A | 802172
bucklin | reinforcement | A B C | 2: A > B > C; 2: B > C > A; 2: C > A > B; 2: A > B > C | 426557
bucklin | reversal-symmetry | A B C | 1: A > C > B; 1: B > C > A | 734591
bucklin | smith | A B C | 4: A > B > C; 6: A > C > B; 11: B > A > C; 5: C > B > A | 193322
coombs | clones | A B C | 2: C > A > B; 1: C > A > B; 3: A > C > B | 500313
coombs | condorcet | A B C | 3: C > B > A; 3: A > B > C; 2: B > A > C; 1: B > C > A; 1: A > C > B; 3: C > A > B | 797426
coombs | monotonicity | A B C | 10: B > A > C; 11: A > C > B; 2: B > C > A; 9: C > B > A | 456622
coombs | participation | A B C | 10: B > A > C; 5: C > A > B; 1: C > B > A; 6: A > C > B; 2: B > C > A | 196972
coombs | reinforcement | A B C | 1: B > C > A; 1: A > B > C; 1: A > C > B; 1: C > A > B | 568411
coombs | reversal-symmetry | A B C | 10: C > B > A; 8: A > B > C; 10: A > C > B; 11: B > A > C | 232213
coombs | smith | A B C D | 3: B > D > A > C; 5: B > A > D > C; 9: D > C > A > B; 10: C > A > B > D; 10: D > B > A > C; 5: A > D > C > B | 103857
copeland | clones | A B C | 1: B > C > A; 1: A > B > C | 588471
copeland | participation | A B C D E | 6: E > B > C > D > A; 7: C > D > A > E > B; 12: A > E > B > D > C | 981619
copeland | reinforcement | A B C | 1: A > C > B; 1: B > A > C; 2: A > B > C; 3: C > A > B; 2: B > C > A | 997108
dodgson | clones | A B C | 1: A > C > B; 1: C > A > B | 922221
dodgson | condorcet-loser | A B C D | 6: D > B > A > C; 10: A > C > B > D; 12: D > C > B > A; 9: B > A > C > D | 243219
dodgson | homogeneity | A B C D | 1: D > A > C > B; 10: B > A > C > D; 2: C > D > B > A; 10: D > A > C > B; 2: B > A > C > D | 115105
dodgson | mutual-majority | A B C D E | 2: C > B > E > A > D; 11: A > B > D > E > C; 9: C > D > E > B > A; 5: E > A > D > B > C; 10: C > B > A > D > E; 3: C > D > E > A > B; 9: E > A > D > B > C | 708977
dodgson | participation | A B C D | 11: C > B > D > A; 6: D > B > A > C; 12: A > C > D > B | 226351
dodgson | reinforcement | A B C D E | 1: D > C > B > A > E; 1: B > C > D > A > E; 1: C > E > B > D > A; 1: B > C > E > D > A; 1: A > B > E > D > C; 1: C > D > A > B > E | 47411
dodgson | reversal-symmetry | A B C D | 3: D > A > C > B; 12: D > C > B > A; 12: B > A > C > D; 3: A > C > B > D | 398023
dodgson | smith | A B C D | 6: A > D > C > B; 12: C > B > D > A; 8: A > B > D > C; 3: D > C > B > A | 241711
dodgson-tideman | clones | A B C | 10: C > A > B; 4: A > B > C; 12: B > C > A | 861936
dodgson-tideman | condorcet-loser | A B C D | 9: A > C > B > D; 11: B > D > C > A; 9: A > D > C > B; 8: C > B > D > A | 793849
dodgson-tideman | mutual-majority | A B C D | 5: B > D > C > A; 10: B > C > A > D; 12: A > D > C > B; 4: D > C > A > B | 284687
dodgson-tideman | participation | A B C D | 10: D > B > A > C; 9: B > C > A > D; 4: C > A > D > B | 862511
dodgson-tideman | reinforcement | A B C | 1: A > C > B; 1: C > A > B; 1: B > C > A; 1: A > B > C | 537331
dodgson-tideman | reversal-symmetry | A B C D | 1: D > C > A > B; 11: C > A > D > B; 10: B > A > D > C; 3: B > D > C > A | 769901
dodgson-tideman | smith | A B C D | 4: C > B > D > A; 12: B > D > C > A; 9: A > D > C > B; 6: A > C > B > D | 195309
dowdall | clones | A B C | 1: C > B > A; 1: A > C > B | 430311
dowdall | condorcet | A B C | 10: C > B > A; 8: B > A > C | 1011559
dowdall | condorcet-loser | A B C | 12: A > C > B; 5: C > B > A; 8: B > C > A | 307042
dowdall | majority | A B C | 5: A > B > C; 6: C > A > B | 693044
dowdall | mutual-majority | A B C | 10: B > C > A; 8: C > A > B | 700514
dowdall | reversal-symmetry | A B C | 9: C > A > B; 12: B > A > C; 5: C > B > A | 702389
dowdall | smith | A B C | 10: A > B > C; 11: C > A > B | 821807
instant-runoff | condorcet | A B C | 2: C > B > A; 3: A > C > B; 3: B > C > A | 375783
instant-runoff | monotonicity | A B C D | 4: A > B > C > D; 4: A > C > D > B; 10: D > B > C > A; 11: B > C > D > A; 5: A > C > D > B | 368300
instant-runoff | participation | A B C | 9: A > B > C; 1: C > A > B; 5: C > A > B; 11: B > A > C; 6: C > A > B | 914762
instant-runoff | reinforcement | A B C | 1: C > A > B; 1: B > A > C; 1: A > B > C; 1: B > C > A | 19516
instant-runoff | reversal-symmetry | A B C | 10: C > A > B; 9: B > C > A; 4: A > B > C | 750484
instant-runoff | smith | A B C | 1: C > B > A; 1: A > B > C; 1: B > C > A | 569694
kemeny | clones | A B C | 2: B > C > A; 2: A > B > C; 1: C > A > B | 218230
kemeny | participation | A B C D | 10: C > A > D > B; 9: D > A > B > C; 11: B > C > D > A | 231505
kemeny | reinforcement | A B C | 1: C > A > B; 1: B > C > A; 3: A > C > B; 3: B > A > C | 252115
minimax | clones | A B C | 1: C > A > B; 1: B > A > C; 1: A > B > C | 359169
minimax | condorcet-loser | A B C D | 6: B > D > A > C; 5: D > A > B > C; 10: C > A > B > D | 295820
minimax | mutual-majority | A B C D | 11: B > C > A > D; 6: A > D > C > B; 8: D > C > A > B | 509345
minimax | participation | A B C D | 1: D > C > B > A; 6: C > A > D > B; 12: A > D > C > B; 10: D > B > C > A; 7: B > C > A > D | 920297
minimax | reinforcement | A B C | 1: C > A > B; 1: A > B > C; 2: B > A > C; 2: C > B > A | 524281
minimax | reversal-symmetry | A B C D | 8: B > C > A > D; 12: A > D > C > B; 5: B > D > C > A | 489652
minimax | smith | A B C D | 2: D > A > C > B; 3: B > A > C > D; 2: C > D > A > B | 741861
minimax-margins | clones | A B C | 1: A > C > B; 1: B > A > C; 1: A > B > C | 1038417
minimax-margins | condorcet-loser | A B C D | 11: A > D > B > C; 5: D > B > A > C; 11: C > B > A > D | 184568
minimax-margins | mutual-majority | A B C D | 9: C > B > A > D; 9: A > D > B > C; 9: D > B > A > C | 506811
minimax-margins | participation | A B C D | 5: B > A > D > C; 12: A > D > B > C; 12: D > C > B > A; 10: C > B > A > D | 662457
minimax-margins | reinforcement | A B C | 1: A > C > B; 1: C > A > B; 1: A > B > C; 1: B > C > A | 320239
minimax-margins | reversal-symmetry | A B C D | 12: D > C > B > A; 6: A > C > B > D; 12: A > B > D > C | 909095
minimax-margins | smith | A B C D | 9: D > C > B > A; 9: A > C > B > D; 2: B > D > C > A | 825612
minimax-opposition | clones | A B C | 1: A > B > C; 1: C > B > A; 1: A > C > B | 506829
minimax-opposition | condorcet-loser | A B C D | 12: C > A > B > D; 7: B > D > A > C; 9: D > A > B > C | 733096
minimax-opposition | mutual-majority | A B C D | 9: A > B > C > D; 5: C > D > B > A; 5: D > B > C > A | 65078
minimax-opposition | participation | A B C D | 7: B > C > A > D; 9: C > A > B > D; 12: A > D > B > C; 9: D > B > C > A | 194001
minimax-opposition | reinforcement | A B C | 1: A > B > C; 1: B > C > A; 1: C > A > B; 1: A > C > B | 548209
minimax-opposition | reversal-symmetry | A B C D | 11: B > A > D > C; 12: D > C > A > B; 9: B > C > A > D | 554004
minimax-opposition | smith | A B C D | 7: A > C > B > D; 5: C > B > A > D; 7: D > B > A > C | 1025832
nanson | clones | A B C | 1: B > C > A; 1: A > C > B | 165042
nanson | monotonicity | A B C D | 1: D > A > C > B; 3: A > D > C > B; 2: B > C > D > A; 1: A > C > D > B; 2: C > B > D > A | 807596
nanson | participation | A B C D | 6: B > C > A > D; 5: C > A > D > B; 3: D > A > B > C | 190532
nanson | reinforcement | A B C | 1: A > B > C; 1: B > C > A; 1: A > C > B; 1: A > B > C; 1: B > A > C; 1: B > A > C | 43336
plurality | clones | A B C | 3: C > A > B; 2: A > B > C; 1: A > C > B | 32271
plurality | condorcet | A B C | 12: A > C > B; 11: B > C > A; 12: C > B > A | 728732
plurality | condorcet-loser | A B C | 1: C > B > A; 1: A > C > B; 1: B > C > A | 833945
plurality | mutual-majority | A B C | 3: C > A > B; 2: A > B > C; 2: B > A > C | 881496
plurality | reversal-symmetry | A B C | 7: A > B > C; 12: C > A > B; 9: B > A > C | 785337
plurality | smith | A B C | 1: B > C > A; 1: A > B > C; 1: C > B > A | 350838
random-ballot | condorcet | A B C | 4: B > C > A; 11: C > A > B | 235600
random-ballot | condorcet-loser | A B C | 11: B > C > A; 7: A > C > B | 201167
random-ballot | majority | A B C | 1: B > A > C; 7: A > B > C | 288167
random-ballot | mutual-majority | A B C | 11: C > A > B; 5: B > C > A | 1037278
random-ballot | smith | A B C | 1: C > B > A; 3: B > A > C | 351171
ranked-pairs | monotonicity | A B C D | 2: B > A > C > D; 2: A > D > B > C; 1: C > B > D > A; 1: A > D > B > C; 1: B > A > C > D; 3: C > D > B > A; 1: D > A > B > C | 732491
ranked-pairs | participation | A B C D | 9: D > A > C > B; 6: A > C > D > B; 10: C > B > D > A; 4: B > D > A > C | 688757
ranked-pairs | reinforcement | A B C | 1: B > C > A; 1: A > B > C; 1: C > A > B; 1: C > B > A | 168503
ranked-pairs-margins | monotonicity | A B C D E | 9: B > E > A > C > D; 4: D > E > C > A > B; 12: C > A > B > D > E; 12: B > E > A > C > D; 6: D > E > A > B > C; 11: C > D > A > B > E; 2: D > B > E > A > C | 850389
ranked-pairs-margins | participation | A B C D | 4: D > B > A > C; 9: D > A > C > B; 8: C > B > D > A; 6: B > A > C > D | 570736
ranked-pairs-margins | reinforcement | A B C | 1: A > C > B; 1: C > A > B; 1: B > A > C; 1: C > B > A | 531493
schulze | participation | A B C D | 10: A > C > B > D; 6: C > B > A > D; 12: B > D > A > C; 10: D > A > C > B | 1039117
schulze | reinforcement | A B C | 1: A > C > B; 1: C > B > A; 1: A > B > C; 1: B > C > A | 802819
schulze-margins | participation | A B C D | 7: C > A > D > B; 6: A > D > C > B; 11: D > B > C > A; 6: B > C > A > D | 348677
schulze-margins | reinforcement | A B C | 1: A > B > C; 1: B > A > C; 1: C > B > A; 1: A > C > B | 119046
schulze-ratio | participation | A B C D | 8: A > D > C > B; 9: B > D > C > A; 11: B > C > A > D; 5: A > D > B > C; 9: D > C > A > B; 4: C > A > B > D | 72629
schulze-ratio | reinforcement | A B C | 1: B > C > A; 1: C > A > B; 1: B > A > C; 1: A > C > B | 905671
smith-set | reinforcement | A B C | 1: A > B > C; 1: C > B > A; 1: B > A > C | 670514
split-cycle | reinforcement | A B C | 1: A > B > C; 1: B > A > C; 1: C > B > A; 1: A > C > B | 903579
two-round | clones | A B C | 1: C > A > B; 1: A > B > C; 1: B > C > A; 1: C > B > A | 1028465
two-round | condorcet | A B C | 1: A > C > B; 1: B > C > A; 1: C > B > A | 74943
two-round | monotonicity | A B C | 2: A > C > B; 1: A > B > C; 3: B > A > C; 3: C > B > A | 59773
two-round | mutual-majority | A B C D E | 3: A > B > E > C > D; 9: C > A > E > B > D; 3: B > D > E > A > C; 7: A > D > B > E > C; 6: D > B > E > C > A; 3: C > A > B > D > E; 4: B > E > D > A > C; 10: E > D > B > C > A | 473095
two-round | participation | A B C | 3: A > B > C; 3: C > A > B; 1: B > A > C; 2: C > A > B; 3: B > C > A | 533151
two-round | reinforcement | A B C | 1: B > C > A; 1: C > B > A; 1: B > A > C; 1: A > C > B | 745623
two-round | reversal-symmetry | A B C | 2: B > A > C; 3: C > B > A; 1: A > C > B | 347073
two-round | smith | A B C | 1: C > A > B; 1: A > C > B; 1: B > A > C | 775965
`

export const witnesses: readonly Witness[] = table
  .trim()
  .split('\n')
  .map((line) => {
    const [rule = '', fails, candidates = '', ballots = '', choice] = line.split(' | ')
    return {
      rule,
      fails: fails as CriterionName,
      candidates,
      ballots: ballots.split('; ').map((ballot): [number, string] => {
        const [weight, ranking = ''] = ballot.split(': ')
        return [Number(weight), ranking]
      }),
      choice: Number(choice),
    }
  })
